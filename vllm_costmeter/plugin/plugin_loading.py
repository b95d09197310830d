"""Which of our other plugins vLLM loads: the endpoint if `--plugin` enables it, the stat logger unless the meter is
off. Plugins of other packages load as they would without us.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from importlib.metadata import entry_points
from typing import Any

from vllm_costmeter.plugin.activation import NAME, requested_plugins
from vllm_costmeter.plugin.faults import FAULTS

log = logging.getLogger("vllm.costmeter")

STAT_LOGGERS = "vllm.stat_logger_plugins"

_kept_out: set[str] = set()
"""Plugin groups from which ours is excluded in this process."""


def let_stat_logger_in() -> None:
    """The meter is on in this process."""
    _kept_out.discard(STAT_LOGGERS)


def keep_stat_logger_out() -> None:
    """The meter is off: this process created a configuration that does not enable it.

    With any stat logger plugin, vLLM (0.17 to 0.33, `AsyncLLM.__init__`) collects statistics at every step even under
    `--disable-log-stats`, so even one that does nothing has a cost. vLLM calls `load_plugins_by_group` for them after
    the configuration is created; the calling module bound that function's name at its import, before or after this
    call.
    """
    _kept_out.add(STAT_LOGGERS)
    for module in map(sys.modules.get, ("vllm.plugins", "vllm.v1.metrics.loggers")):
        load = getattr(module, "load_plugins_by_group", None)
        if load is not None and not hasattr(load, "_costmeter"):
            setattr(module, "load_plugins_by_group", _without_ours(load))  # noqa: B010 (an import binds it elsewhere)


def _without_ours(load: Any) -> Any:
    @functools.wraps(load)
    def load_plugins_by_group_asked_for(group: str) -> Any:
        found = load(group)
        if group in _kept_out:
            found.pop(NAME, None)
        return found

    load_plugins_by_group_asked_for._costmeter = True  # type: ignore[attr-defined]
    return load_plugins_by_group_asked_for


def wrap_endpoint_plugins() -> None:
    """vLLM loads endpoint plugins only if `VLLM_PLUGINS` names them; setting that variable would also restrict all
    other plugins, so the endpoint plugins given by `--plugin` are added here instead."""
    module = sys.modules.get("vllm.plugins")
    load = getattr(module, "load_endpoint_plugins", None)
    if load is None or hasattr(load, "_costmeter"):
        return

    @functools.wraps(load)
    def load_endpoint_plugins_requested(supported_tasks: Any = None) -> Any:
        loaded = [] if _only_we_are_installed() else list(load(supported_tasks))
        try:
            present = {plugin.name for plugin in loaded}
            for name in requested_plugins():
                if name not in present:
                    loaded += _load_endpoint_plugin(name, supported_tasks)
        except Exception:
            FAULTS.add("endpoint")
            log.exception("costmeter: the endpoint plugins given by --plugin could not be loaded")
        return loaded

    load_endpoint_plugins_requested._costmeter = True  # type: ignore[attr-defined]
    sys.modules["vllm.plugins"].load_endpoint_plugins = load_endpoint_plugins_requested  # type: ignore[attr-defined]


def _only_we_are_installed() -> bool:
    """Apart from those given by `--plugin`: if there are none, vLLM would only warn at every start that our plugin is
    not in `VLLM_PLUGINS`."""
    try:
        installed = {point.name for point in entry_points(group="vllm.endpoint_plugins")}
        return "VLLM_PLUGINS" not in os.environ and installed <= {NAME, *requested_plugins()}
    except Exception:
        FAULTS.add("endpoint")
        log.exception("costmeter: the installed endpoint plugins could not be listed")
        return False


def _load_endpoint_plugin(name: str, supported_tasks: Any) -> list[Any]:
    found: list[Any] = []
    for point in entry_points(group="vllm.endpoint_plugins", name=name):
        try:
            plugin = point.load()()
        except Exception:
            FAULTS.add("endpoint")
            log.exception("endpoint plugin %s could not be loaded", name)
            continue
        needed = getattr(plugin, "required_tasks", None)
        if needed is None or set(needed) & set(supported_tasks or ()):
            found.append(plugin)
    return found
