"""vLLM's step statistics become totals."""

from __future__ import annotations

import pytest
from measured import alone, traced
from step_stats import Drafts, Finished, Iteration, Prompt, Published, Scheduler, Unreadable

from vllm_costmeter.core.meter import RequestWork
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.sources.vllm.step_stats import LARGEST_BACKLOG, StepRecorder


def test_tokens_add_up_by_kind() -> None:
    """Computed, cached and generated tokens are the sums of what the steps reported."""
    counters = StepRecorder(0, now=0.0)
    counters.add_step(Scheduler(2), Iteration(2, Prompt(30, 16), [0.1, 0.1]), now=1.0)
    counters.add_step(Scheduler(2), Iteration(2), now=1.1)
    counters.add_step(Scheduler(0), Iteration(2, finished_requests=[Finished(23, 3, 8)] * 2), now=1.2)
    totals = counters.totals(2.0)
    assert (
        totals.counts.prompt_computed_tokens,
        totals.counts.prompt_cached_tokens,
        totals.counts.generated_tokens,
    ) == (
        30,
        16,
        6,
    )
    assert (totals.counts.prefilled_requests, totals.counts.steps) == (2, 3)
    assert totals.counts.decode_steps == 2
    assert counters.take_ended(100) == [RequestWork(15, 8, 3), RequestWork(15, 8, 3)]
    assert counters.take_ended(100) == []


def test_a_request_of_one_step_is_active_time() -> None:
    """A request that begins and ends within one step is charged from when it was scheduled."""
    counters = StepRecorder(0, now=0.0)
    done = [Finished(10, 1, inference_time=0.4)]
    counters.add_step(Scheduler(0), Iteration(1, Prompt(10), [0.5], done), now=5.0)
    assert counters.totals(9.0).active_seconds == 0.5


def test_activity_runs_until_the_step_that_empties_the_engine() -> None:
    """Active from the first token's request to the last step, idle before and after."""
    counters = StepRecorder(0, now=0.0)
    counters.add_step(Scheduler(1), Iteration(1, Prompt(10), [0.25]), now=2.25)
    assert counters.totals(4.0).active_seconds == 2.0
    counters.add_step(Scheduler(0), None, now=5.0)  # aborted: the last step has no outputs
    assert counters.totals(60.0).active_seconds == 3.0


def test_steps_without_iteration_stats_count_no_tokens() -> None:
    """A chunk of a long prefill reports only the scheduler; a pooling step generates nothing."""
    counters = StepRecorder(0, now=0.0)
    counters.add_step(Scheduler(1, 0.5), None, now=1.0)
    totals = counters.totals(1.0)
    assert (totals.counts.generated_tokens, totals.counts.steps, totals.kv_cache_usage_ratio) == (0, 1, 0.5)
    assert totals.last_token_unix_seconds is None


def test_a_step_reported_to_another_process_counts_tokens_but_no_step() -> None:
    """With several API servers one of them gets the scheduler's part; the others only their own tokens."""
    counters = StepRecorder(0, now=0.0, log_events=True)
    counters.add_step(None, Iteration(3, Prompt(5)), now=1.0)
    totals = counters.totals(1.0)
    assert (totals.counts.generated_tokens, totals.counts.steps) == (3, 0)


def test_decode_reads_the_cache_in_use() -> None:
    """The context of a decode step is the share of the KV cache in use times its capacity."""
    counters = StepRecorder(0, now=0.0, capacity_tokens=1000)
    counters.add_step(Scheduler(4, 0.25), Iteration(4), now=1.0)
    assert counters.totals(1.0).counts.decode_context_tokens == 250


def test_sleep_and_wake_are_seen() -> None:
    """Time in sleep mode is apart from idle time."""
    counters = StepRecorder(0, now=0.0)
    counters.sleep(True, now=10.0)
    assert counters.totals(15.0).asleep_seconds == 5.0
    counters.sleep(False, now=20.0)
    assert counters.totals(30.0).asleep_seconds == 10.0


def test_finished_requests_are_bounded() -> None:
    """With no sampler to take them, finished requests do not grow without bound."""
    counters = StepRecorder(0, now=0.0)
    step = Iteration(1, finished_requests=[Finished(1, 1)] * 1000)
    for _ in range(100):
        counters.add_step(Scheduler(1), step, now=1.0)
    assert len(counters.take_ended(1_000_000)) == LARGEST_BACKLOG


def test_an_engine_that_never_stepped_has_empty_totals() -> None:
    """Totals exist from the start, because an idle engine costs money too."""
    assert StepRecorder(3, now=7.0).totals(8.0) == EngineTotals(
        engine_index=3, observed_monotonic_seconds=7.0
    )


def test_a_long_prompt_is_active_from_its_first_chunk() -> None:
    """Chunks are reported at their end and say nothing of their beginning; the first token does."""
    counters = StepRecorder(0, now=0.0)
    counters.add_step(Scheduler(1), None, now=12.0)
    assert counters.totals(12.0).active_seconds == 0.0
    counters.add_step(Scheduler(1), Iteration(1, Prompt(9000), [4.0]), now=14.0)
    assert counters.totals(14.0).active_seconds == 4.0


def test_steps_are_events_where_several_processes_share_an_engine() -> None:
    """Every report is kept for the merge, as long as the merge may ask for it."""
    counters = StepRecorder(0, now=0.0, log_events=True)
    counters.add_step(Scheduler(1), Iteration(1, Prompt(10), [0.25]), now=2.0)
    counters.add_step(Scheduler(0), None, now=6.0)
    counters.sleep(True, now=7.0)
    stepped, idle, slept = counters.totals(7.0).events
    assert stepped == (2.0, "step", 1, 1.75)
    assert idle == (6.0, "step", 0, None)
    assert slept == (7.0, "sleep", 0, None)
    assert counters.totals(10.9).events == (idle, slept)


def test_a_step_that_is_half_readable_counts_that_half() -> None:
    """Tokens that cannot be read leave the engine's state right, and the other way round; the error goes on."""
    counters = StepRecorder(0, now=0.0)
    counters.add_step(Scheduler(1), None, now=1.0)
    with pytest.raises(AttributeError):
        counters.add_step(Scheduler(0), Unreadable(), now=3.0)
    assert counters.totals(9.0).active_seconds == 2.0
    with pytest.raises(AttributeError):
        counters.add_step(Unreadable(), Iteration(5, Prompt(7)), now=4.0)
    totals = counters.totals(9.0)
    assert (totals.counts.generated_tokens, totals.counts.prompt_computed_tokens) == (5, 7)


def ten_thousand_steps(log_events: bool) -> tuple[int, int]:
    """Bytes held after them and at most, without those of the first step."""
    counters = StepRecorder(0, now=0.0, capacity_tokens=100_000, log_events=log_events)
    scheduler = Scheduler(
        256, 0.5, spec_decoding_stats=Drafts(512, 200), perf_stats=Published(10**15, 10**11)
    )
    step = Iteration(256, Prompt(4000, 96), [0.2] * 8, [Finished(512, 128, 12, 2.9)] * 8)
    counters.add_step(scheduler, step, now=1000.0)

    def steps() -> None:
        for number in range(10_000):
            counters.add_step(scheduler, step, 1000.0 + number)

    return traced(steps)


@pytest.mark.parametrize("log_events", [False, True], ids=["one process", "several processes"])
def test_a_step_allocates_nothing_that_stays(log_events: bool) -> None:
    """After 10,000 steps with finished requests nothing is held but the numbers that were replaced."""
    held, peak = alone(ten_thousand_steps, log_events)
    assert held < 2_000  # one number for each attribute
    assert peak < 4_000


def test_adapters_are_followed_where_one_process_sees_them_all() -> None:
    """Their seconds are shares of the running requests; with several API processes nothing is said."""
    for log_events, expected in ((False, {"german": 1.5}), (True, {})):
        counters = StepRecorder(0, now=0.0, log_events=log_events)
        counters.add_step(Scheduler(2, 0.1, {"german": 1}), None, now=1.0)
        counters.add_step(Scheduler(0), None, now=4.0)
        assert counters.totals(9.0).adapter_seconds == expected


@pytest.mark.parametrize("jump", [3600.0, -3600.0], ids=["forward", "back"])
def test_a_jump_of_the_wall_clock_makes_no_active_hour(jump: float) -> None:
    """vLLM reckons arrival by the wall clock: a jump while a request waits neither adds nor takes active time that its
    own monotonic figures do not show."""
    counters = StepRecorder(0, now=0.0)
    first = Iteration(1, Prompt(10), [0.5], [Finished(10, 1, inference_time=0.5)], 1000.0)
    counters.add_step(Scheduler(0), first, now=10.0)
    jumped = Iteration(1, Prompt(10), [0.5 + jump], iteration_timestamp=8000.0 + jump)
    counters.add_step(Scheduler(1), jumped, now=7010.0)
    last = Iteration(
        1, finished_requests=[Finished(10, 2, inference_time=2.5)], iteration_timestamp=8002.0 + jump
    )
    counters.add_step(Scheduler(0), last, now=7012.0)
    assert counters.totals(8000.0).active_seconds == 3.0
    late = Iteration(1, Prompt(10), [0.25], iteration_timestamp=8090.0 + jump)
    counters.add_step(Scheduler(0), late, now=7100.0)
    assert counters.totals(8000.0).active_seconds == 3.25
