"""The general plugin: vLLM calls `register()` in every process, some of them several times.

It adds our flags to vLLM's parser, runs the preflight where the configuration is made, and lets our own endpoint
plugin in without switching any other plugin on or off. Where this vLLM has no such place, that part stays out: nothing
here may stop a server that does not use us.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from importlib.metadata import entry_points
from typing import Any

from vllm_costmeter.plugin import activation, boot_facts
from vllm_costmeter.plugin.faults import FAULTS

log = logging.getLogger("vllm.costmeter")
"""Under vLLM's own logger, so that lines appear with its format and level."""


def register() -> None:
    """Entry point `vllm.general_plugins`; idempotent."""
    try:
        _wrap_engine_args()
        _wrap_endpoint_plugins()
        boot_facts.wrap_worker()
    except Exception:
        FAULTS.add("start")
        log.exception("costmeter could not attach to this vLLM; serving goes on without it")


def _wrap_engine_args() -> None:
    module = sys.modules.get("vllm.engine.arg_utils")
    if module is None or hasattr(module.EngineArgs, "_costmeter"):
        return  # a worker process, where no configuration is made; or done already
    engine_args = module.EngineArgs
    add_cli_args, create_engine_config = engine_args.add_cli_args, engine_args.create_engine_config

    @functools.wraps(add_cli_args)
    def add_cli_args_with_ours(parser: Any) -> Any:
        parser = add_cli_args(parser)
        try:
            from vllm_costmeter.plugin.flags import add_flags

            add_flags(parser)
        except Exception:
            FAULTS.add("start")
            log.exception("costmeter: its flags could not be added")
        return parser

    @functools.wraps(create_engine_config)
    def create_engine_config_checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        preflight = None
        try:
            preflight = _prepared_preflight(self)
        except Exception:  # noqa: BLE001 (logged and counted there)
            _skip_check()
        config = create_engine_config(self, *args, **kwargs)
        try:
            if preflight is not None:
                preflight.check(config)
        except Exception:  # noqa: BLE001 (logged and counted there)
            _skip_check()
        return config

    engine_args.add_cli_args = staticmethod(add_cli_args_with_ours)
    engine_args.create_engine_config = create_engine_config_checked
    engine_args._costmeter = True


def _prepared_preflight(engine_args: Any) -> Any:
    """None where the meter was not asked for."""
    if not activation.is_on(getattr(engine_args, "additional_config", None)):
        return None
    from vllm_costmeter.plugin.preflight import Preflight

    return Preflight(engine_args)


def _skip_check() -> None:
    """A fault of our own keeps the check from running; the start goes on."""
    FAULTS.add("start")
    log.exception("costmeter: the fit check failed and is skipped")


def _wrap_endpoint_plugins() -> None:
    """vLLM loads endpoint plugins only when `VLLM_PLUGINS` names them; setting that variable would narrow every other
    kind of plugin, so the endpoint plugins that `--plugin` named are added here instead."""
    import vllm.plugins as module

    load = getattr(module, "load_endpoint_plugins", None)
    if load is None or hasattr(load, "_costmeter"):
        return

    @functools.wraps(load)
    def load_endpoint_plugins_requested(supported_tasks: Any = None) -> Any:
        loaded = [] if _everything_was_asked_for() else list(load(supported_tasks))
        try:
            present = {plugin.name for plugin in loaded}
            for name in activation.requested_plugins():
                if name not in present:
                    loaded += _load_endpoint_plugin(name, supported_tasks)
        except Exception:
            FAULTS.add("endpoint")
            log.exception("costmeter: the endpoint plugins that --plugin named could not be loaded")
        return loaded

    load_endpoint_plugins_requested._costmeter = True  # type: ignore[attr-defined]
    module.load_endpoint_plugins = load_endpoint_plugins_requested


def _everything_was_asked_for() -> bool:
    """Then there is nothing for vLLM to load, which would only warn of our own plugin."""
    try:
        installed = {point.name for point in entry_points(group="vllm.endpoint_plugins")}
        return "VLLM_PLUGINS" not in os.environ and installed <= set(activation.requested_plugins())
    except Exception:
        FAULTS.add("endpoint")
        log.exception("costmeter: the installed endpoint plugins are not known")
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
