"""The general plugin: vLLM calls `register()` in every process, some of them several times.

It adds our flags to vLLM's parser, runs the fit check where the configuration is created, and enables or disables our
plugins of other kinds. If this vLLM lacks one of these hooks, that part is skipped: nothing here may stop a server that
does not use us, or slow it down. So heavy modules are imported where they are needed, never at the top of this file.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from typing import Any

from vllm_costmeter.plugin import activation, plugin_loading
from vllm_costmeter.plugin.faults import FAULTS

log = logging.getLogger("vllm.costmeter")
"""A child of vLLM's own logger, so that lines appear with its format and level."""


def register() -> None:
    """Entry point `vllm.general_plugins`; idempotent."""
    try:
        _wrap_engine_args()
        plugin_loading.wrap_endpoint_plugins()
        if activation.BOOT_FOLDER in os.environ:  # a child of a metered server, perhaps a worker
            from vllm_costmeter.plugin.starting.worker_report import wrap_worker

            wrap_worker()
    except Exception:
        FAULTS.add("start")
        log.exception("costmeter could not attach to this vLLM; the server continues without it")


def _wrap_engine_args() -> None:
    module = sys.modules.get("vllm.engine.arg_utils")
    engine_args = getattr(module, "EngineArgs", None)
    if module is None or hasattr(engine_args, "_costmeter"):
        return  # a worker process, where no configuration is made; or done already
    for name, wrap in (("add_cli_args", _with_our_flags), ("create_engine_config", _checked)):
        own = getattr(engine_args, name, None)
        if own is None:
            from vllm_costmeter.plugin.probe import tell_missing_hook

            tell_missing_hook(name)
        else:
            setattr(engine_args, name, wrap(own))
    if engine_args is not None:
        engine_args._costmeter = True


def _with_our_flags(add_cli_args: Any) -> Any:
    @functools.wraps(add_cli_args)
    def add_cli_args_with_ours(*args: Any, **kwargs: Any) -> Any:
        parser = add_cli_args(*args, **kwargs)
        try:
            from vllm_costmeter.plugin.flags import add_flags

            add_flags(parser)
        except Exception:
            FAULTS.add("start")
            log.exception("costmeter: its flags could not be added")
        return parser

    return staticmethod(add_cli_args_with_ours)


def _checked(create_engine_config: Any) -> Any:
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
                _meter_offline_engines()
        except Exception:  # noqa: BLE001 (logged and counted there)
            _skip_check()
        return config

    return create_engine_config_checked


def _prepared_preflight(engine_args: Any) -> Any:
    """None if the meter is not enabled."""
    if not activation.is_on(getattr(engine_args, "additional_config", None)):
        plugin_loading.keep_stat_logger_out()
        return None
    plugin_loading.let_stat_logger_in()
    from vllm_costmeter.plugin.starting.preflight import Preflight

    return Preflight(engine_args)


def _meter_offline_engines() -> None:
    """`LLM(...)` in a process where the meter is on: it makes its engine next."""
    if "vllm.v1.engine.llm_engine" in sys.modules:
        from vllm_costmeter.plugin.serving.offline import meter_offline_engines

        meter_offline_engines()


def _skip_check() -> None:
    """If the check fails by an error of ours, the start continues without it."""
    FAULTS.add("start")
    log.exception("costmeter: the fit check failed and is skipped")
