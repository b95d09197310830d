"""Counters of steps, as one value: every row flows from vLLM's statistics to the meter."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import pytest

from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.merge import EngineMerger
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.meter.token_counts import TokenCounts
from vllm_costmeter.core.meter.work import Work
from vllm_costmeter.outputs.metrics.process_exchange import ProcessExchange
from vllm_costmeter.sources.vllm.step_stats import StepRecorder

COUNTERS = [field.name for field in fields(StepCounts)]


@pytest.mark.parametrize("name", COUNTERS)
def test_a_row_is_all_that_a_new_counter_needs(name: str, tmp_path: Path) -> None:
    """Whatever is counted reaches the work that is charged: through a snapshot, the file between API processes, the
    merge of two of them, the difference of two moments and the sum of two intervals."""
    recorder = StepRecorder(0, now=0.0)
    setattr(recorder.counts, name, 7)
    snapshot = recorder.totals(1.0)
    setattr(recorder.counts, name, 9)
    assert asdict(snapshot.counts)[name] == 7

    mine, other = ProcessExchange(tmp_path, 0, 0.0), ProcessExchange(tmp_path, 1, 0.0)
    other.write_engines(1.0, [snapshot])
    told = mine.read_engines(1, 1.0)
    assert told is not None
    (merged,) = EngineMerger([0], 0.0).merge(1.0, [mine.mine(1.0, [snapshot]), told])
    assert asdict(merged.counts)[name] == 14

    work = Work(1.0, merged.counts - snapshot.counts) + Work(1.0, merged.counts - EngineTotals(0).counts)
    assert asdict(work.counts) == {each: 21 if each == name else 0 for each in COUNTERS}


def test_a_counter_that_went_back_counts_nothing() -> None:
    """The engine was replaced; the other counters of the interval stand."""
    before, now = StepCounts(generated_tokens=9, steps=5), StepCounts(generated_tokens=12, steps=2)
    assert now - before == StepCounts(generated_tokens=3)


def test_a_first_token_is_no_decode_token() -> None:
    """Ten sequences of ten tokens decoded ninety; a pooling model, which generates nothing, decoded none."""
    assert StepCounts(generated_tokens=100, prefilled_requests=10).decode_tokens == 90
    assert StepCounts(prefilled_requests=10).decode_tokens == 0


@pytest.mark.parametrize(
    ("counts", "has_tokens"),
    [
        (StepCounts(prompt_computed_tokens=1), True),
        (StepCounts(generated_tokens=1), True),
        (StepCounts(generated_tokens=9, prefilled_requests=9), False),
        (StepCounts(prompt_cached_tokens=9, steps=9), False),
    ],
)
def test_one_token_computed_or_decoded_is_evidence(counts: StepCounts, has_tokens: bool) -> None:
    """First tokens and cached ones alone say nothing of how the time was spent."""
    assert counts.has_tokens is has_tokens


@pytest.mark.parametrize(("steps", "counted"), [(7, 4), (5, 4), (4, 10)])
def test_a_replaced_engines_tokens_are_added(steps: int, counted: int) -> None:
    """Six tokens after five steps, then ten: four more, unless fewer steps tell of an engine that counts from zero."""
    tokens = TokenCounts()
    before = EngineTotals(0, StepCounts(generated_tokens=6, steps=5))
    tokens.add(before, EngineTotals(0, StepCounts(generated_tokens=10, steps=steps)))
    assert tokens.by_kind()["generated"] == counted
    tokens.add(None, EngineTotals(1, StepCounts(generated_tokens=3, finished_requests=2)))
    assert tokens.by_kind()["generated"] == counted + 3
    assert tokens.requests() == {"finished": 2, "aborted": 0, "failed": 0}
