"""The flags that this package's plugin adds to `vllm serve` (`plugin/flags.py`)."""

from __future__ import annotations

from vllm_costmeter.core.settings.table import SETTINGS
from vllm_costmeter.sources.vllm_cli.flag_table import Flag, flag_from

_SETTING_FLAGS = {setting.flag: f"costmeter_{setting.key}" for setting in SETTINGS}
_FLAGS = {"--plugin": "costmeter_plugin", "--costmeter-config": "costmeter_config", **_SETTING_FLAGS}

PLUGIN_FLAGS: tuple[Flag, ...] = tuple(
    flag_from({"names": name, "dest": dest}) for name, dest in _FLAGS.items()
)
"""Each takes one value; its range is checked where the server starts."""
