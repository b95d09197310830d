"""The work that vLLM publishes for its steps, and the drafts of speculative decoding."""

from __future__ import annotations

from step_stats import Drafts, Iteration, Prompt, Published, Scheduler

from vllm_costmeter.sources.vllm.step_stats import StepRecorder


def test_published_work_is_told_apart_by_whether_the_step_decoded() -> None:
    """With `--enable-mfu-metrics` a step tells FLOPs and bytes; a chunk of a prompt, or its end, decodes nothing."""
    counters = StepRecorder(0, now=0.0)
    counters.add_step(Scheduler(1, perf_stats=Published()), None, now=1.0)
    counters.add_step(Scheduler(1, perf_stats=Published()), Iteration(1, Prompt(9), [0.5]), now=2.0)
    counters.add_step(Scheduler(1, perf_stats=Published(7, 1, 1)), Iteration(1), now=3.0)
    counters.add_step(Scheduler(1), Iteration(1), now=4.0)
    totals = counters.totals(5.0)
    assert (totals.counts.prefill_step_flops, totals.counts.prefill_step_bytes) == (2000, 460)
    assert (totals.counts.decode_step_flops, totals.counts.decode_step_bytes) == (7, 2)


def test_published_work_is_nobodys_where_several_processes_share_an_engine() -> None:
    """The process that is told of a step sees only its own tokens of it."""
    counters = StepRecorder(0, now=0.0, log_events=True)
    counters.add_step(Scheduler(1, perf_stats=Published()), Iteration(1), now=1.0)
    totals = counters.totals(2.0)
    assert totals.counts.prefill_step_flops == totals.counts.decode_step_flops == 0


def test_rejected_drafts_are_counted_apart() -> None:
    """What was drafted and not accepted was worked on; it is no generated token."""
    counters = StepRecorder(0, now=0.0)
    counters.add_step(Scheduler(1, spec_decoding_stats=Drafts(8, 3)), Iteration(5), now=1.0)
    totals = counters.totals(2.0)
    assert (totals.counts.rejected_draft_tokens, totals.counts.generated_tokens) == (5, 5)
