"""One engine as several API processes saw it."""

from __future__ import annotations

import random

import pytest

from vllm_costmeter.core.meter.activity import EngineActivity, EngineEvent
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.merge import EngineMerger, ProcessTotals
from vllm_costmeter.core.meter.step_counts import StepCounts


def step(seconds: float, running: int, began: float | None = None) -> EngineEvent:
    """A step's report."""
    return EngineEvent(seconds, "step", running, began)


def test_counts_add_up_and_the_newest_knows_the_present() -> None:
    """Tokens are each process's own; the present state is the last reported one."""
    first = EngineTotals(
        0,
        StepCounts(prompt_computed_tokens=10, prompt_cached_tokens=1, generated_tokens=5, steps=7),
        kv_cache_usage_ratio=0.5,
        observed_monotonic_seconds=9.0,
    )
    second = EngineTotals(
        0,
        StepCounts(prompt_computed_tokens=20, prompt_cached_tokens=2, generated_tokens=6, steps=1),
        kv_cache_usage_ratio=0.1,
        observed_monotonic_seconds=9.5,
    )
    merger = EngineMerger([0], 0.0)
    (merged,) = merger.merge(10.0, [ProcessTotals(0, 10.0, (first,)), ProcessTotals(1, 9.8, (second,))])
    assert (
        merged.counts.prompt_computed_tokens,
        merged.counts.prompt_cached_tokens,
        merged.counts.generated_tokens,
    ) == (
        30,
        3,
        11,
    )
    assert (merged.counts.steps, merged.kv_cache_usage_ratio) == (8, 0.1)


def test_an_engine_is_idle_once_any_process_was_told() -> None:
    """The first process is never told that the engine ran empty at 5 s; the second is."""
    merger = EngineMerger([0], 0.0)
    one = EngineTotals(0, events=(step(1.0, 1), step(20.0, 1)))
    two = EngineTotals(0, events=(step(5.0, 0), step(22.0, 0)))
    (merged,) = merger.merge(30.0, [ProcessTotals(0, 30.0, (one,)), ProcessTotals(1, 30.0, (two,))])
    assert merged.active_seconds == pytest.approx(4.0 + 2.0)


def test_active_time_is_never_taken_back() -> None:
    """An engine that ran when the slower process last wrote may be idle since: seconds count up to what all know."""
    merger = EngineMerger([0], 0.0)
    began, ended = (step(8.0, 1),), (step(9.5, 0),)
    early = [ProcessTotals(0, 10.0, (EngineTotals(0, events=began),)), ProcessTotals(1, 9.2, ())]
    late = [
        ProcessTotals(0, 11.0, (EngineTotals(0, events=began),)),
        ProcessTotals(1, 10.2, (EngineTotals(0, events=ended),)),
    ]
    seen = [merger.merge(now, told)[0].active_seconds for now, told in ((10.0, early), (11.0, late))]
    assert seen == pytest.approx([1.2, 1.5])


def test_sleep_told_to_one_and_waking_told_to_the_other() -> None:
    """The two calls may reach different API processes."""
    merger = EngineMerger([0], 0.0)
    one = EngineTotals(0, events=(EngineEvent(10.0, "sleep"),))
    two = EngineTotals(0, events=(EngineEvent(25.0, "wake"),))
    (merged,) = merger.merge(30.0, [ProcessTotals(0, 30.0, (one,)), ProcessTotals(1, 30.0, (two,))])
    assert merged.asleep_seconds == 15.0


def test_a_process_that_died_keeps_its_tokens_and_is_not_waited_for() -> None:
    """Counters never fall, and the others' events go on."""
    merger = EngineMerger([0], 0.0)
    dead = ProcessTotals(1, 1.0, (EngineTotals(0, StepCounts(generated_tokens=100)),))
    merger.merge(1.0, [ProcessTotals(0, 1.0, ()), dead])
    alive = EngineTotals(0, StepCounts(generated_tokens=5), events=(step(50.0, 1), step(60.0, 0)))
    (merged,) = merger.merge(61.0, [ProcessTotals(0, 61.0, (alive,))])
    assert merged.counts.generated_tokens == 105
    assert merged.active_seconds == pytest.approx(10.0)


def test_an_engine_nobody_has_seen_is_there() -> None:
    """Its GPUs cost money."""
    assert [t.engine_index for t in EngineMerger([0, 1], 0.0).merge(1.0, [])] == [0, 1]


def test_any_division_of_the_reports_gives_the_whole() -> None:
    """Steps dealt out at random to three processes, told once a second with delays: the same active seconds as one
    process that was told everything."""
    dice = random.Random(7)
    whole, merger, now = EngineActivity(0.0), EngineMerger([0], 0.0), 0.0
    told: list[list[EngineEvent]] = [[], [], []]
    tick = 1.0
    written = [0.0, 0.0, 0.0]
    shown: list[tuple[EngineEvent, ...]] = [(), (), ()]
    for _ in range(3000):
        now += dice.choice((0.004, 0.01, 0.3))
        event = step(now, dice.choice((0, 1, 3)), None if dice.random() < 0.5 else now - 0.05)
        whole.apply(event)
        dice.choice(told).append(event)
        while tick <= now:
            for rank in range(3):
                if rank == 0 or dice.random() < 0.7 or written[rank] < tick - 3:
                    written[rank], shown[rank] = tick, tuple(e for e in told[rank] if e.seconds <= tick)
            merger.merge(
                tick, [ProcessTotals(r, written[r], (EngineTotals(0, events=shown[r]),)) for r in range(3)]
            )
            tick += 1
    (merged,) = merger.merge(
        now, [ProcessTotals(r, now, (EngineTotals(0, events=tuple(told[r])),)) for r in range(3)]
    )
    assert merged.active_seconds == pytest.approx(whole.active_seconds(now), rel=1e-9)
