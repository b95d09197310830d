"""One engine as several API processes saw it."""

from __future__ import annotations

import random

import pytest

from vllm_costmeter.core.meter.activity import EngineActivity, EngineEvent
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.merge import EngineMerger, ProcessTotals
from vllm_costmeter.core.meter.shares.request_work import WorkSums
from vllm_costmeter.core.meter.shares.work_pools import NO_CLAIM, Claim, PerPool, Spent
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


def test_a_process_is_waited_for_as_long_as_it_may_be_silent() -> None:
    """Five seconds: until then seconds are counted up to its last writing, which knows what happened since; then up to
    that of the others, and with nobody left up to now."""
    merger = EngineMerger([0], 0.0)
    running = EngineTotals(0, events=(step(1.0, 1),))
    slow = ProcessTotals(1, 5.0, ())
    seen = [
        merger.merge(now, told)[0].active_seconds
        for now, told in (
            (10.0, [ProcessTotals(0, 10.0, (running,)), slow]),
            (10.25, [ProcessTotals(0, 10.25, (running,)), slow]),
            (20.0, []),
        )
    ]
    assert seen == [4.0, 9.25, 19.0]


def test_a_report_of_the_moment_of_writing_is_counted() -> None:
    """At exactly the time that all have written: now or never, and once."""
    merger = EngineMerger([0], 0.0)
    for now, running in ((10.0, 1), (12.0, 0)):
        told = EngineTotals(0, events=(step(now, running),))
        (merged,) = merger.merge(now, [ProcessTotals(0, now, (told,))])
    assert merged.active_seconds == 2.0


def test_the_last_token_is_the_latest_of_any_process() -> None:
    """Also where another process knows the present; none before the first."""
    now = EngineTotals(0, observed_monotonic_seconds=9.0, last_token_unix_seconds=100.0)
    before = EngineTotals(0, observed_monotonic_seconds=8.0, last_token_unix_seconds=150.0)
    never = EngineTotals(1)
    told = [ProcessTotals(rank, 10.0, (each, never)) for rank, each in enumerate((now, before))]
    merged = EngineMerger([0, 1], 0.0).merge(10.0, told)
    assert [each.last_token_unix_seconds for each in merged] == [150.0, None]


def claim(usd: float, tokens: int) -> Claim:
    """Of requests that computed so many tokens."""
    return Claim(PerPool(prefill=Spent(usd, 2 * usd)), WorkSums(tokens, tokens, tokens))


def test_what_other_processes_charged_is_told_once() -> None:
    """The increase of each; all of one that took the place of another and counts from zero; nothing twice."""
    merger, told = EngineMerger([0], 0.0), []
    for now, (first, second) in enumerate(
        (((2.0, 20), (1.0, 10)), ((2.0, 20), (1.5, 15)), ((3.0, 30), (0.5, 5)), ((3.0, 30), (0.5, 5)))
    ):
        claims = enumerate((claim(*first), claim(*second)))
        merger.merge(float(now), [ProcessTotals(rank, float(now), (), each) for rank, each in claims])
        told.append(merger.newly_claimed())
    assert told == [claim(3.0, 30), claim(0.5, 5), claim(1.5, 15), NO_CLAIM]


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
