"""vLLM's per-step statistics, read by attribute: vLLM declares their classes unstable, and only this file knows them.

Read in vLLM 0.17 to 0.33: `v1/metrics/stats.py`, classes SchedulerStats, IterationStats, PromptTokenStats,
FinishedRequestStats; `perf.py`, class PerfStats; `v1/spec_decode/metrics.py`, class SpecDecodingStats. A `StepRecorder`
is written by the event loop and read by the sampler thread; every update is one assignment to one attribute, which
needs no lock under the interpreter's own.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.meter.activity import EngineActivity, EngineEvent
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.merge import LONGEST_SILENCE_SECONDS
from vllm_costmeter.core.meter.shares.adapters import AdapterSeconds
from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.sources.vllm.finished import ABORTED, FINISHED, aborted_work, finished_work
from vllm_costmeter.sources.vllm.row_ring import RowRing

LARGEST_BACKLOG = 16_384
"""Finished requests waiting for the sampler, which takes them once a second. At 48 bytes each this is 768 KiB; if more
finish in a second, the oldest are missing from the request histograms and their cost is unattributed, but they are
never missing from tokens or cost."""

LONGEST_EVENT_LOG = 8_192
"""Steps stored for merging several API processes, which needs the last five seconds: a step takes milliseconds. At 32
bytes each this is 256 KiB."""

LARGEST_WALL_CLOCK_SLEW_SECONDS = 2.0
"""Tolerated difference between vLLM's time stamp of a step and ours, including gradual NTP corrections; more is a
jump."""

EVENT_KINDS: tuple[Literal["step", "sleep", "wake"], ...] = ("step", "sleep", "wake")
STEP, SLEEP, WAKE = range(3)


class StepRecorder:
    """Integer totals of one engine. `add_step` is O(1) in running requests and allocates only the integers and floats
    it replaces."""

    __slots__ = (
        "_activity",
        "_adapters",
        "_backlog",
        "_capacity_tokens",
        "_events",
        "_index",
        "_last_token",
        "_observed",
        "_usage",
        "_wall_ahead",
        "_wall_stepped",
        "counts",
    )

    def __init__(
        self, engine_index: int, now: float, capacity_tokens: int = 0, log_events: bool = False
    ) -> None:
        self._index = engine_index
        self._capacity_tokens = capacity_tokens
        self._activity = EngineActivity(now)
        self._adapters = (
            None if log_events else AdapterSeconds()
        )  # no process sees all requests of an adapter
        self._events = RowRing("dqqd", LONGEST_EVENT_LOG) if log_events else None
        self._backlog = RowRing("qqqqqq", LARGEST_BACKLOG)
        self.counts = StepCounts()
        self._usage: float | None = None
        self._last_token: float | None = None
        self._observed = now
        self._wall_ahead: float | None = None
        self._wall_stepped = -math.inf

    def add_step(self, scheduler_stats: Any, iteration_stats: Any, now: float) -> None:
        """Add one `record()` call; either argument may be None, as in vLLM. If one cannot be read, the other is still
        added before the error is raised."""
        self._observed = now
        decode_tokens, began = 0, None
        try:
            if iteration_stats is not None:
                decode_tokens, began = self._add_tokens(iteration_stats, now)
        finally:
            if scheduler_stats is not None:
                self._follow(scheduler_stats, now, decode_tokens, began)

    def _add_tokens(self, stats: Any, now: float) -> tuple[int, float | None]:
        """(tokens that were not a first one, when the work of this step began; None if unknown).

        Work began when the oldest request known from the step did: at its scheduling where it finished, else at its
        arrival where its first token came, no earlier than the last jump of the wall clock. Later steps may know an
        earlier beginning (a prompt in several chunks).
        """
        new_tokens: int = stats.num_generation_tokens
        first_tokens = len(stats.time_to_first_tokens_iter)
        waited: float = max(stats.time_to_first_tokens_iter, default=0.0)
        began = max(now - waited, self._wall_clock_stepped(stats.iteration_timestamp, now))
        prompt = stats.prompt_token_stats
        counts = self.counts
        counts.prompt_computed_tokens += prompt.computed
        counts.prompt_cached_tokens += prompt.cached_tokens
        counts.generated_tokens += new_tokens
        counts.prefilled_requests += first_tokens
        if new_tokens:
            self._last_token = stats.iteration_timestamp
        for request in stats.finished_requests:
            self._end(finished_work(request))
            began = min(began, now - request.inference_time)
        return new_tokens - first_tokens, began if began < now else None

    def add_abort(self, state: Any) -> None:
        """A request that its client (or a shutdown) ended, from its state in vLLM's output processor."""
        self._end(aborted_work(state))

    def _end(self, work: RequestWork) -> None:
        self._backlog.append(*work)
        counts = self.counts
        if work.outcome == FINISHED:
            counts.finished_requests += 1
        elif work.outcome == ABORTED:
            counts.aborted_requests += 1
        else:
            counts.failed_requests += 1

    def _wall_clock_stepped(self, wall: float, now: float) -> float:
        """When the wall clock last jumped. vLLM takes a request's arrival time from it, so a time to first token that
        spans a jump is off by the jump; times between engine events are monotonic."""
        ahead = wall - now
        if self._wall_ahead is not None and abs(ahead - self._wall_ahead) > LARGEST_WALL_CLOCK_SLEW_SECONDS:
            self._wall_stepped = now
        self._wall_ahead = ahead
        return self._wall_stepped

    def _follow(self, stats: Any, now: float, decode_tokens: int, began: float | None) -> None:
        running: int = stats.num_running_reqs
        if self._events is not None:
            self._events.append(now, STEP, running, math.nan if began is None else began)
        self._activity.step(now, running, began)
        if self._adapters is not None:
            self._adapters.step(now, stats.running_lora_adapters, running)
        counts = self.counts
        counts.steps += 1
        usage: float | None = stats.kv_cache_usage
        self._usage = usage
        if decode_tokens > 0:
            counts.decode_steps += 1
            if usage is not None:
                counts.decode_context_tokens += int(usage * self._capacity_tokens)
        drafts = stats.spec_decoding_stats
        if drafts is not None:
            counts.rejected_draft_tokens += drafts.num_draft_tokens - drafts.num_accepted_tokens
        work = stats.perf_stats
        if work is not None and self._events is None:  # else the tokens of this step are another process's
            self._add_published(work, decode_tokens > 0)

    def _add_published(self, work: Any, decoded: bool) -> None:
        """vLLM's own estimate for the step, per GPU."""
        counts = self.counts
        moved: int = work.num_read_bytes_per_gpu + work.num_write_bytes_per_gpu
        if decoded:
            counts.decode_step_flops += work.num_flops_per_gpu
            counts.decode_step_bytes += moved
        else:
            counts.prefill_step_flops += work.num_flops_per_gpu
            counts.prefill_step_bytes += moved

    def sleep(self, asleep: bool, now: float) -> None:
        """vLLM entered or left sleep mode."""
        self._activity.sleep(now, asleep)
        if self._events is not None:
            self._events.append(now, SLEEP if asleep else WAKE, 0, math.nan)

    def take_ended(self, most: int) -> list[RequestWork]:
        """The requests that ended since the last call, oldest first."""
        return [RequestWork(*row) for row in self._backlog.take(most)]

    def totals(self, now: float) -> EngineTotals:
        """A snapshot for the meter; safe to call from another thread."""
        events = () if self._events is None else _events(self._events, now - LONGEST_SILENCE_SECONDS)
        return EngineTotals(
            engine_index=self._index,
            counts=replace(self.counts),
            active_seconds=self._activity.active_seconds(now),
            asleep_seconds=self._activity.asleep_seconds(now),
            kv_cache_usage_ratio=self._usage,
            last_token_unix_seconds=self._last_token,
            observed_monotonic_seconds=self._observed,
            adapter_seconds={} if self._adapters is None else self._adapters.seconds(),
            events=events,
        )


def _events(log: RowRing, since: float) -> tuple[EngineEvent, ...]:
    return tuple(
        EngineEvent(now, EVENT_KINDS[kind], running, None if math.isnan(began) else began)
        for now, kind, running, began in log.since(since)
    )
