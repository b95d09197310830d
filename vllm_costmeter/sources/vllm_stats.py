"""vLLM's per-step statistics, read by attribute: vLLM declares their classes unstable, and only this file knows them.

Read in vLLM 0.17 to 0.33: `v1/metrics/stats.py`, classes SchedulerStats, IterationStats, PromptTokenStats,
FinishedRequestStats. A `StepCounters` is written by the event loop and read by the sampler thread; every update is
one assignment to one attribute, which needs no lock under the interpreter's own.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from vllm_costmeter.core.engine_totals import EngineTotals
from vllm_costmeter.core.meter.activity import EngineActivity, EngineEvent

LARGEST_BACKLOG = 65_536
"""Finished requests waiting for the sampler, which takes them once a second. At 64 bytes each this is 4 MiB; a server
that finishes more in a second loses the oldest from the request-cost histogram, never from tokens or money."""

LONGEST_EVENT_LOG = 4_096
"""Steps remembered for the merge of several API processes, which reads them every second: more than vLLM makes."""


class StepCounters:
    """Integer totals of one engine. `add_step` is O(1) in running requests and allocates nothing that stays, but one
    small tuple for each finished request."""

    __slots__ = (
        "_activity",
        "_asleep",
        "_capacity_tokens",
        "_decode_context",
        "_decode_steps",
        "_events",
        "_finished",
        "_generated",
        "_index",
        "_last_token",
        "_observed",
        "_prefilled",
        "_prompt_cached",
        "_prompt_computed",
        "_running",
        "_steps",
        "_usage",
        "finished",
    )

    def __init__(
        self, engine_index: int, now: float, capacity_tokens: int = 0, log_events: bool = False
    ) -> None:
        self._index = engine_index
        self._capacity_tokens = capacity_tokens
        self._activity = EngineActivity(now)
        self._events: deque[tuple[float, str, int, float | None]] | None = (
            deque(maxlen=LONGEST_EVENT_LOG) if log_events else None
        )
        self.finished: deque[tuple[int, int, int]] = deque(maxlen=LARGEST_BACKLOG)
        """(computed, cached, generated) tokens of finished requests, oldest first; the sampler takes them out."""
        self._prompt_computed = self._prompt_cached = self._generated = self._prefilled = self._finished = 0
        self._steps = self._decode_steps = self._decode_context = self._running = 0
        self._asleep = False
        self._usage: float | None = None
        self._last_token: float | None = None
        self._observed = now

    def add_step(self, scheduler_stats: Any, iteration_stats: Any, now: float) -> None:
        """Add one `record()` call: either argument may be None, as vLLM passes them."""
        self._observed = now
        began: float | None = None
        new_tokens = first_tokens = 0
        if iteration_stats is not None:
            new_tokens = iteration_stats.num_generation_tokens
            prompt = iteration_stats.prompt_token_stats
            first_tokens = len(iteration_stats.time_to_first_tokens_iter)
            self._prompt_computed += prompt.computed
            self._prompt_cached += prompt.cached_tokens
            self._generated += new_tokens
            self._prefilled += first_tokens
            if new_tokens:
                self._last_token = iteration_stats.iteration_timestamp
            if not self._running or self._events is not None:
                began = _began(
                    iteration_stats, now
                )  # did this step wake the engine, and when did its work begin?
            for request in iteration_stats.finished_requests:
                self._finished += 1
                cached = max(request.num_cached_tokens, 0)
                self.finished.append(
                    (request.num_prompt_tokens - cached, cached, request.num_generation_tokens)
                )
        if scheduler_stats is None:
            return
        running: int = scheduler_stats.num_running_reqs
        self._usage = usage = scheduler_stats.kv_cache_usage
        self._steps += 1
        if new_tokens > first_tokens:
            self._decode_steps += 1
            self._decode_context += int(usage * self._capacity_tokens)
        if self._events is not None:
            self._events.append((now, "step", running, began))
        self._activity.step(now, running, began)
        self._running = running

    def sleep(self, asleep: bool, now: float) -> None:
        """vLLM's sleep mode was entered or left."""
        self._asleep = asleep
        self._activity.sleep(now, asleep)
        if self._events is not None:
            self._events.append((now, "sleep" if asleep else "wake", 0, None))

    def totals(self, now: float) -> EngineTotals:
        """A snapshot for the meter; safe to call from another thread."""
        events = () if self._events is None else tuple(EngineEvent(*event) for event in tuple(self._events))
        return EngineTotals(
            engine_index=self._index,
            prompt_computed_tokens=self._prompt_computed,
            prompt_cached_tokens=self._prompt_cached,
            generated_tokens=self._generated,
            prefilled_requests=self._prefilled,
            finished_requests=self._finished,
            steps=self._steps,
            decode_steps=self._decode_steps,
            decode_context_tokens=self._decode_context,
            active_seconds=self._activity.active_seconds(now),
            asleep_seconds=self._activity.asleep_seconds(now),
            running_requests=self._running,
            asleep=self._asleep,
            kv_cache_usage_ratio=self._usage,
            last_token_unix_seconds=self._last_token,
            observed_monotonic_seconds=self._observed,
            events=events,
        )


def _began(iteration_stats: Any, now: float) -> float | None:
    """Since when the oldest request known from this step has run: from its scheduling where it finished, else from
    its arrival where its first token came; None where the step tells neither."""
    longest: float = max(iteration_stats.time_to_first_tokens_iter, default=0.0)
    for request in iteration_stats.finished_requests:
        longest = max(longest, request.inference_time)
    return now - longest if longest else None
