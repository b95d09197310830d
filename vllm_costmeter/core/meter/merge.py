"""One engine as several API processes saw it, each a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vllm_costmeter.core.meter.activity import EngineActivity
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.step_counts import StepCounts

LONGEST_SILENCE_SECONDS = 5.0
"""A process that has not written for this long is not waited for; the meter's rhythm is one second."""


@dataclass(frozen=True, slots=True)
class ProcessTotals:
    """What one API process knew at `written_seconds` of the machine's monotonic clock."""

    rank: int
    written_seconds: float
    engines: tuple[EngineTotals, ...]


class EngineMerger:
    """Merges the processes' totals, once a second, in the process that charges.

    Counts add up. The present state comes from the process that an engine reported to last. Active and asleep seconds
    are replayed from all processes' events in the order of the machine's clock, because vLLM reports each step, and
    each fall into sleep, to only one process: none of them alone knows when an engine became idle. Events are
    replayed, and seconds counted, up to the moment that every live process has written: an engine that ran then may
    have become idle since, and what is newer waits for the next round. Events of a process that was silent for longer
    come too late and are left out.
    """

    def __init__(self, engine_indexes: Sequence[int], now_seconds: float) -> None:
        self._activities = {index: EngineActivity(now_seconds) for index in engine_indexes}
        self._replayed_until = now_seconds
        self._latest: dict[int, ProcessTotals] = {}

    def merge(self, now_seconds: float, processes: Sequence[ProcessTotals]) -> tuple[EngineTotals, ...]:
        """One EngineTotals per engine. A process that is missing keeps its last counts."""
        self._latest |= {process.rank: process for process in processes}
        live = [
            process.written_seconds
            for process in self._latest.values()
            if process.written_seconds >= now_seconds - LONGEST_SILENCE_SECONDS
        ]
        horizon = max(self._replayed_until, min(live, default=now_seconds))
        merged = tuple(self._merge_engine(index, horizon) for index in self._activities)
        self._replayed_until = horizon
        return merged

    def _merge_engine(self, index: int, horizon: float) -> EngineTotals:
        seen = [
            totals
            for process in self._latest.values()
            for totals in process.engines
            if totals.engine_index == index
        ]
        activity = self._activities[index]
        due = [event for totals in seen for event in totals.events]
        for event in sorted(due, key=lambda event: event.seconds):
            if self._replayed_until < event.seconds <= horizon:
                activity.apply(event)
        newest = max(seen, key=lambda totals: totals.observed_monotonic_seconds, default=EngineTotals(index))
        last_tokens = [t.last_token_unix_seconds for t in seen if t.last_token_unix_seconds is not None]
        return replace(
            newest,
            counts=sum((totals.counts for totals in seen), StepCounts()),
            active_seconds=activity.active_seconds(horizon),
            asleep_seconds=activity.asleep_seconds(horizon),
            last_token_unix_seconds=max(last_tokens, default=None),
            events=(),
        )
