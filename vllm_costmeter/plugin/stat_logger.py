"""The stat logger: vLLM calls `record()` on its event loop after every engine step.

An exception there would fail every request in flight, so these methods never raise, and they only do O(1) integer
arithmetic. Everything else (prices, NVML, files, /metrics) runs on the sampler's thread and is imported when the meter
starts: vLLM loads this file in every API server where the package is installed.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vllm.v1.metrics import loggers

from vllm_costmeter.plugin import activation
from vllm_costmeter.plugin.faults import FAULTS

if TYPE_CHECKING:
    from vllm_costmeter.sources.vllm.step_stats import StepRecorder

log = logging.getLogger("vllm.costmeter")


_Aggregate: Any = getattr(loggers, "AggregateStatLoggerBase", None)
_Base: Any = _Aggregate or loggers.StatLoggerBase  # vLLM refuses to start with a logger that is neither


class CostMeterStatLogger(_Base):
    """One per API process, for all its engines. Does nothing unless the meter is enabled.

    Takes arguments that a newer vLLM may add.
    """

    _engines: Mapping[int, StepRecorder] = MappingProxyType({})
    """The metered engines by index; empty before the start."""

    _instead: Mapping[str, Any] = MappingProxyType({})
    """Statistics that this vLLM lacks, with neutral values."""

    def __init__(self, vllm_config: Any, engine_indexes: Sequence[int] = (0,), *_: Any, **__: Any) -> None:
        try:
            if activation.is_on(getattr(vllm_config, "additional_config", None)):
                self._start(vllm_config, engine_indexes)
        except Exception:
            FAULTS.add("start")
            log.exception("costmeter could not start; the server continues without it")
            self._publish_faults()

    @staticmethod
    def _publish_faults() -> None:
        with contextlib.suppress(Exception):
            from vllm_costmeter.plugin.fault_page import publish_faults

            publish_faults(FAULTS)

    def _start(self, vllm_config: Any, engine_indexes: Sequence[int]) -> None:
        from vllm_costmeter.metering.sampler import Sampler
        from vllm_costmeter.plugin.probe import parts_without, tell_missing_hook
        from vllm_costmeter.plugin.serving.aborts import follow_aborts
        from vllm_costmeter.plugin.serving.meter import ServingMeter
        from vllm_costmeter.plugin.serving.page.live import ticking_with_page
        from vllm_costmeter.plugin.serving.requests.opening import opened_desk
        from vllm_costmeter.sources.vllm.config import server_shape
        from vllm_costmeter.sources.vllm.incomplete import neutral
        from vllm_costmeter.sources.vllm.step_stats import StepRecorder
        from vllm_costmeter.sources.vllm.touched import CALLS, CONFIGURATION, STATISTICS

        if _Aggregate is None:
            tell_missing_hook("AggregateStatLoggerBase")
        without = parts_without((*CALLS, *CONFIGURATION, *STATISTICS), vllm_config)
        if "meter" in without or _Aggregate is None:
            FAULTS.add("start")
            self._publish_faults()
            return
        self._instead = neutral(without)
        shape = server_shape(vllm_config, engine_indexes)
        now = time.monotonic()
        several = shape.api_process_count > 1
        self._engines = {
            index: StepRecorder(index, now, shape.kv_cache_capacity_tokens or 0, log_events=several)
            for index in shape.engine_indexes
        }
        if "aborts" not in without:
            follow_aborts(next(iter(self._engines.values())))
        desk = opened_desk(vllm_config, shape)
        engines = tuple(self._engines.values())
        meter = ServingMeter(vllm_config, shape, engines, FAULTS, without=without, desk=desk)
        Sampler(ticking_with_page(meter, vllm_config), meter.report_fault).start()

    def record(
        self,
        scheduler_stats: Any = None,
        iteration_stats: Any = None,
        mm_cache_stats: Any = None,
        engine_idx: int = 0,
        *_: Any,
        **__: Any,
    ) -> None:
        """One engine step."""
        try:
            counters = self._engines.get(engine_idx)
            if counters is not None:
                if self._instead:
                    scheduler_stats, iteration_stats = map(
                        self._completed, (scheduler_stats, iteration_stats)
                    )
                counters.add_step(scheduler_stats, iteration_stats, time.monotonic())
        except Exception:  # noqa: BLE001 nothing may reach vLLM's event loop; the count is on /metrics
            FAULTS.add("hook")

    def _completed(self, stats: Any) -> Any:
        from vllm_costmeter.sources.vllm.incomplete import Incomplete

        return None if stats is None else Incomplete(stats, self._instead)

    def record_sleep_state(self, is_awake: int = 0, *_: Any, **__: Any) -> None:
        """vLLM passes 1 when it goes to *sleep* and 0 when it wakes up, despite the parameter's name
        (AsyncLLM.sleep)."""
        try:
            for counters in self._engines.values():
                counters.sleep(bool(is_awake), time.monotonic())
        except Exception:  # noqa: BLE001 as above
            FAULTS.add("hook")

    def log_engine_initialized(self, *_: Any, **__: Any) -> None:
        """Called when vLLM logs its configuration; our own line comes from the sampler's thread."""


CostMeterStatLogger.__abstractmethods__ = frozenset()  # a method that a newer vLLM asks for does nothing
