"""The CostMeter group in `vllm serve --help=CostMeter`: `--plugin` and one flag per setting."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import entry_points
from typing import Any

from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.settings.table import BY_KEY, SETTINGS, convert
from vllm_costmeter.plugin import activation

PLUGIN_GROUPS = (
    "vllm.general_plugins",
    "vllm.stat_logger_plugins",
    "vllm.endpoint_plugins",
    "vllm.io_processor_plugins",
    "vllm.platform_plugins",
)


def installed_plugins() -> frozenset[str]:
    """Names of all installed vLLM plugins, of every kind."""
    return frozenset(point.name for group in PLUGIN_GROUPS for point in entry_points(group=group))


class PluginAction(argparse.Action):
    """`--plugin NAME[,NAME]`: enables installed plugins by name, and disables no other plugin."""

    find_installed: Callable[[], Iterable[str]] = staticmethod(installed_plugins)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        installed = sorted(self.find_installed())
        for name in (part.strip() for part in str(values).split(",")):
            if name not in installed:
                parser.error(
                    f"--plugin {name!r} is not an installed vLLM plugin{nearest(name, installed, 1)}; "
                    f"installed: {', '.join(installed)}"
                )
            activation.request_plugin(name)
        setattr(namespace, self.dest, values)


class SettingAction(argparse.Action):
    """One costmeter flag, validated at once, so that a bad value stops the server before anything is loaded."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        key = self.dest.removeprefix("costmeter_")
        if key in BY_KEY:
            try:
                convert(BY_KEY[key], values, BY_KEY[key].flag)
            except BadInputError as why:
                parser.error(str(why))
        activation.give_flag(key, str(values))
        setattr(namespace, self.dest, values)


def add_flags(parser: Any) -> None:
    """Add the CostMeter group to vLLM's parser; does nothing if it is already there."""
    if any(group.title == "CostMeter" for group in parser._action_groups):
        return
    group = parser.add_argument_group(
        title="CostMeter",
        description="Live cost per token on /metrics, and a GPU memory check before the model loads.",
    )
    group.add_argument(
        "--plugin",
        metavar="NAME",
        action=PluginAction,
        dest="costmeter_plugin",
        help="Enable an installed vLLM plugin by name; `--plugin costmeter` enables the meter and the fit check. "
        "Other installed plugins are not affected.",
    )
    group.add_argument(
        "--costmeter-config",
        metavar="FILE",
        action=SettingAction,
        dest="costmeter_config",
        help="TOML file with any of the settings below, by name (underscores for dashes, without the prefix).",
    )
    for setting in SETTINGS:
        group.add_argument(
            setting.flag,
            metavar=setting.metavar,
            action=SettingAction,
            dest=f"costmeter_{setting.key}",
            help=f"{setting.help} [environment: {setting.environment_variable}]",
        )
