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

from vllm.v1.metrics.loggers import AggregateStatLoggerBase

from vllm_costmeter.plugin import activation
from vllm_costmeter.plugin.faults import FAULTS

if TYPE_CHECKING:
    from vllm_costmeter.sources.vllm.step_stats import StepRecorder

log = logging.getLogger("vllm.costmeter")


class CostMeterStatLogger(AggregateStatLoggerBase):
    """One per API process, for all its engines. Does nothing unless the meter is enabled."""

    _engines: Mapping[int, StepRecorder] = MappingProxyType({})
    """The metered engines by index; empty before the start."""

    def __init__(self, vllm_config: Any, engine_indexes: Sequence[int] = (0,)) -> None:
        try:
            if activation.is_on(vllm_config.additional_config):
                self._start(vllm_config, engine_indexes)
        except Exception:
            FAULTS.add("start")
            log.exception("costmeter could not start; the server continues without it")
            with contextlib.suppress(Exception):
                from vllm_costmeter.plugin.fault_page import publish_faults

                publish_faults(FAULTS)

    def _start(self, vllm_config: Any, engine_indexes: Sequence[int]) -> None:
        from vllm_costmeter.metering.sampler import Sampler
        from vllm_costmeter.plugin.serving.aborts import follow_aborts
        from vllm_costmeter.plugin.serving.meter import ServingMeter
        from vllm_costmeter.sources.vllm.config import server_shape
        from vllm_costmeter.sources.vllm.step_stats import StepRecorder

        shape = server_shape(vllm_config, engine_indexes)
        now = time.monotonic()
        several = shape.api_process_count > 1
        self._engines = {
            index: StepRecorder(index, now, shape.kv_cache_capacity_tokens or 0, log_events=several)
            for index in shape.engine_indexes
        }
        follow_aborts(next(iter(self._engines.values())))
        meter = ServingMeter(vllm_config, shape, tuple(self._engines.values()), FAULTS)
        Sampler(meter.tick, meter.report_fault).start()

    def record(
        self,
        scheduler_stats: Any,
        iteration_stats: Any,
        mm_cache_stats: Any = None,
        engine_idx: int = 0,
    ) -> None:
        """One engine step."""
        try:
            counters = self._engines.get(engine_idx)
            if counters is not None:
                counters.add_step(scheduler_stats, iteration_stats, time.monotonic())
        except Exception:  # noqa: BLE001 nothing may reach vLLM's event loop; the count is on /metrics
            FAULTS.add("hook")

    def record_sleep_state(self, is_awake: int, level: int) -> None:
        """vLLM passes 1 when it goes to *sleep* and 0 when it wakes up, despite the parameter's name
        (AsyncLLM.sleep)."""
        try:
            for counters in self._engines.values():
                counters.sleep(bool(is_awake), time.monotonic())
        except Exception:  # noqa: BLE001 as above
            FAULTS.add("hook")

    def log_engine_initialized(self) -> None:
        """Called when vLLM logs its configuration; our own line comes from the sampler's thread."""
