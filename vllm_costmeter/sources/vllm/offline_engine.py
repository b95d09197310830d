"""vLLM's offline engine (`LLM(...).llm_engine`), read by attribute: it loads no stat logger and by default collects no
statistics.

Read in vLLM 0.17 to 0.33: `v1/engine/llm_engine.py`, LLMEngine.step (passes an IterationStats to
`output_processor.process_outputs` if its `log_stats` is set), and `v1/engine/output_processor.py` (a request added
while `log_stats` is set has statistics of its own).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.sources.vllm.step_stats import StepRecorder

MOST_TOLD = 20
"""Kinds of faults that are reported, each once: a batch has a step every few milliseconds."""

_IDLE = SimpleNamespace(
    kv_cache_usage=None, running_lora_adapters={}, spec_decoding_stats=None, perf_stats=None
)


class OfflineEngine:
    """Counts what one engine does between `attach` and `detach`. A step is active time from its call to its return;
    whatever fails here is reported to `on_fault`, once, and never reaches the engine."""

    def __init__(
        self,
        engine: Any,
        on_fault: Callable[[Exception], None],
        monotonic_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._on_fault = on_fault
        self._now = monotonic_seconds
        self._began = 0.0
        self._before = (False, False)
        self._told: set[str] = set()
        self._wrapped: tuple[Any, Any] = (None, None)
        self._recorder = StepRecorder(0, monotonic_seconds())

    def attach(self) -> None:
        """Start to count. BadInputError while requests are running: vLLM keeps no statistics of those."""
        engine, outputs = self._engine, self._engine.output_processor
        if outputs.request_states:
            raise BadInputError(
                f"measuring must begin before the first request: {len(outputs.request_states)} are running"
            )
        self._before = (engine.log_stats, outputs.log_stats)
        self._wrapped = (vars(engine).get("step"), vars(outputs).get("process_outputs"))
        engine.log_stats = outputs.log_stats = True
        step, process_outputs = engine.step, outputs.process_outputs

        def step_counted(*args: Any, **kwargs: Any) -> Any:
            self._began = self._now()
            return step(*args, **kwargs)

        def process_outputs_counted(*args: Any, **kwargs: Any) -> Any:
            processed = process_outputs(*args, **kwargs)
            self._safely(args, kwargs)
            return processed

        engine.step, outputs.process_outputs = step_counted, process_outputs_counted

    def detach(self) -> None:
        """Leave the engine as it was. Requests that are still running keep their statistics."""
        engine, outputs = self._engine, self._engine.output_processor
        for owner, name, before in (
            (engine, "step", self._wrapped[0]),
            (outputs, "process_outputs", self._wrapped[1]),
        ):
            if before is None:
                vars(owner).pop(name, None)
            else:
                setattr(owner, name, before)  # counted by another one too, which began earlier
        if not outputs.request_states:
            engine.log_stats, outputs.log_stats = self._before

    def totals(self, now: float) -> EngineTotals:
        """What the engine has done so far."""
        return self._recorder.totals(now)

    def take_ended(self, most: int) -> list[RequestWork]:
        """The requests that ended since the last call."""
        return self._recorder.take_ended(most)

    def _safely(self, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        try:
            stats = kwargs["iteration_stats"] if "iteration_stats" in kwargs else args[2]
            now = self._now()
            running = len(self._engine.output_processor.request_states)
            scheduler = SimpleNamespace(num_running_reqs=running, **vars(_IDLE))
            self._recorder.add_step(scheduler, None if stats is None else self._of_step(stats, now), now)
        except Exception as fault:  # noqa: BLE001 (the batch goes on)
            line = f"{type(fault).__name__}: {fault}"
            if line not in self._told and len(self._told) < MOST_TOLD:
                self._told.add(line)
                self._on_fault(fault)

    def _of_step(self, stats: Any, now: float) -> Any:
        """Its counts, with the step itself as the time that its requests took: the engine notes no other."""
        took = max(now - self._began, 0.0)
        ended = [
            SimpleNamespace(
                num_prompt_tokens=request.num_prompt_tokens,
                num_cached_tokens=request.num_cached_tokens,
                num_generation_tokens=request.num_generation_tokens,
                finish_reason=request.finish_reason,
                inference_time=took,
            )
            for request in stats.finished_requests
        ]
        return SimpleNamespace(
            num_generation_tokens=stats.num_generation_tokens,
            prompt_token_stats=stats.prompt_token_stats,
            time_to_first_tokens_iter=[took] * len(stats.time_to_first_tokens_iter),
            finished_requests=ended,
            iteration_timestamp=stats.iteration_timestamp,
        )
