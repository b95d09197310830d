"""Counting an offline engine from inside, on a stand-in with vLLM's attributes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from step_stats import Finished, Iteration, Prompt

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.meter import RequestWork
from vllm_costmeter.sources.vllm.offline_engine import OfflineEngine


class Outputs:
    """vLLM's output processor: notes statistics while `log_stats` is set."""

    def __init__(self) -> None:
        self.log_stats = False
        self.request_states: dict[str, object] = {}

    def process_outputs(self, outputs: object, timestamp: float, iteration_stats: Any = None) -> str:
        return f"processed {outputs}"


class Engine:
    """vLLM's LLMEngine with one request, which each step gives one more token."""

    def __init__(self) -> None:
        self.log_stats = False
        self.output_processor = Outputs()
        self.now = 0.0
        self.steps = 0

    def step(self) -> Any:
        self.now += 2.0
        self.steps += 1
        stats = None
        if self.log_stats:
            stats = Iteration(
                1, Prompt(10, 2) if self.steps == 1 else Prompt(), [0.1] if self.steps == 1 else []
            )
            if self.steps == 3:
                stats.finished_requests = [Finished(12, 3, 2, inference_time=1e6)]
                self.output_processor.request_states.clear()
        return self.output_processor.process_outputs("o", 0.0, iteration_stats=stats)


def counted(engine: Engine) -> OfflineEngine:
    """Its counter, on its clock."""

    def fault(why: Exception) -> None:
        raise why

    return OfflineEngine(engine, fault, monotonic_seconds=lambda: engine.now)


def test_a_batch_is_counted_and_the_engine_left_as_it_was() -> None:
    """Tokens, requests and the time of its steps, whatever vLLM notes as a request's time; idle time in between."""
    engine = Engine()
    counter = counted(engine)
    counter.attach()
    engine.output_processor.request_states["1"] = object()
    assert [engine.step() for _ in range(3)] == ["processed o"] * 3
    engine.now += 4.0
    counter.detach()
    totals = counter.totals(engine.now)
    counts = totals.counts
    assert (counts.prompt_computed_tokens, counts.prompt_cached_tokens, counts.generated_tokens) == (10, 2, 3)
    assert (totals.active_seconds, counts.finished_requests) == (6.0, 1)
    assert counter.take_ended(9) == [RequestWork(10, 2, 3)]
    assert (engine.log_stats, engine.output_processor.log_stats) == (False, False)
    assert vars(engine.output_processor).keys() == {"log_stats", "request_states"}
    engine.step()
    assert counter.totals(engine.now).counts == counts


def test_it_never_begins_in_the_middle_of_a_request() -> None:
    """vLLM keeps no statistics of one that runs already, and would fail on it."""
    engine = Engine()
    engine.output_processor.request_states["1"] = object()
    with pytest.raises(BadInputError, match="before the first request: 1 are running"):
        counted(engine).attach()
    assert not engine.log_stats


def test_statistics_that_cannot_be_read_reach_no_batch() -> None:
    """They are reported once, and the step's result is vLLM's."""
    engine, faults = Engine(), []
    counter = OfflineEngine(engine, faults.append, monotonic_seconds=lambda: engine.now)
    counter.attach()
    for _ in range(3):
        engine.output_processor.process_outputs("o", 0.0, iteration_stats=SimpleNamespace())
    assert len(faults) == 1
