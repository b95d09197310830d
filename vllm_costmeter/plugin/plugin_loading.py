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
    modules = [sys.modules.get(name) for name in ("vllm.plugins", "vllm.v1.metrics.loggers")]
    if not any(hasattr(module, "load_plugins_by_group") for module in modules):
        from vllm_costmeter.plugin.probe import tell_missing_hook

        tell_missing_hook("load_plugins_by_group")
    for module in modules:
        load = getattr(module, "load_plugins_by_group", None)
        if load is not None and not hasattr(load, "_costmeter"):
            setattr(module, "load_plugins_by_group", _without_ours(load))  # noqa: B010 (an import binds it elsewhere)


def _without_ours(load: Any) -> Any:
    @functools.wraps(load)
    def load_plugins_by_group_asked_for(*args: Any, **kwargs: Any) -> Any:
        found = load(*args, **kwargs)
        try:
            if _kept_out.intersection((*args, *kwargs.values())):
                found.pop(NAME, None)
        except Exception:  # noqa: BLE001 (a newer vLLM's own kinds of arguments and results)
            FAULTS.add("start")
        return found

    load_plugins_by_group_asked_for._costmeter = True  # type: ignore[attr-defined]
    return load_plugins_by_group_asked_for


def wrap_endpoint_plugins() -> None:
    """vLLM loads endpoint plugins only if `VLLM_PLUGINS` names them; setting that variable would also restrict all
    other plugins, so the endpoint plugins given by `--plugin` are added here instead."""
    module = sys.modules.get("vllm.plugins")
    load = getattr(module, "load_endpoint_plugins", None)
    if load is None and module is not None and requested_plugins():
        from vllm_costmeter.plugin.probe import tell_missing_hook

        tell_missing_hook("load_endpoint_plugins")
    if load is None or hasattr(load, "_costmeter"):
        return

    @functools.wraps(load)
    def load_endpoint_plugins_requested(supported_tasks: Any = None, *args: Any, **kwargs: Any) -> Any:
        loaded = [] if _only_we_are_installed() else list(load(supported_tasks, *args, **kwargs))
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
        if not _is_as_vllm_calls_it(plugin):
            continue
        needed = getattr(plugin, "required_tasks", None)
        if needed is None or set(needed) & set(supported_tasks or ()):
            found.append(plugin)
    return found


def _is_as_vllm_calls_it(plugin: Any) -> bool:
    """Whether it has all that vLLM's interface for endpoint plugins asks for: vLLM calls that while its server starts.
    Of ours, a member that the interface no longer has would never be called."""
    module = sys.modules.get("vllm.plugins.endpoint_plugins.interface")
    interface = getattr(module, "EndpointPlugin", None)
    if interface is None:
        return True
    if getattr(plugin, "name", None) == NAME:
        from vllm_costmeter.plugin.probe import parts_without
        from vllm_costmeter.sources.vllm.touched import CALLS

        if "endpoint" in parts_without(row for row in CALLS if row.parts == "endpoint"):
            return False
    asked = {
        name for name in (*vars(interface), *getattr(interface, "__annotations__", ())) if name[0] != "_"
    }
    lacking = sorted(name for name in asked if not hasattr(plugin, name))
    if lacking:
        log.warning(
            "costmeter: endpoint plugin %s lacks %s, which this vLLM calls; it is left out",
            getattr(plugin, "name", "without a name"),
            ", ".join(lacking),
        )
    return not lacking
