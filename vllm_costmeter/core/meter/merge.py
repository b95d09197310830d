"""Merge the partial views that several API processes have of one engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.core.meter.activity import EngineActivity
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.shares.share import Share
from vllm_costmeter.core.meter.shares.work_pools import NO_CLAIM, Claim
from vllm_costmeter.core.meter.step_counts import StepCounts

LONGEST_SILENCE_SECONDS = 5.0
"""A process that has not written for this long is no longer waited for; processes write once a second."""


@dataclass(frozen=True, slots=True)
class ProcessTotals:
    """The totals of one API process at `written_seconds` of the machine's monotonic clock."""

    rank: int
    written_seconds: float
    engines: tuple[EngineTotals, ...]
    claimed: Claim = NO_CLAIM
    """What its requests were charged since its start."""
    tenants: Mapping[str, Share] = field(default_factory=dict)
    """The same by tenant; empty where tenants are not told apart."""


class EngineMerger:
    """Merges the processes' totals, once a second, in the process that charges.

    Counts are summed. The current state comes from the process that an engine reported to last. Active and asleep
    seconds are replayed from all processes' events in clock order, because vLLM reports each step and each sleep to
    only one process: none of them alone knows when an engine became idle. Events are replayed and seconds counted up
    to the time that every live process has written; newer events wait for the next round. Events of a process that was
    silent for longer arrive too late and are ignored.
    """

    def __init__(self, engine_indexes: Sequence[int], now_seconds: float) -> None:
        self._activities = {index: EngineActivity(now_seconds) for index in engine_indexes}
        self._replayed_until = now_seconds
        self._latest: dict[int, ProcessTotals] = {}
        self._claimed: dict[int, Claim] = {}

    def newly_claimed(self) -> Claim:
        """What all processes' requests were charged since the last call, as of the last merge."""
        new = NO_CLAIM
        for rank, process in self._latest.items():
            before = self._claimed.get(rank, NO_CLAIM)
            if process.claimed.spent.total().usd < before.spent.total().usd:
                before = NO_CLAIM  # another process with this rank, which counts from zero
            new = new.plus(process.claimed.minus(before))
            self._claimed[rank] = process.claimed
        return new

    def merge(self, now_seconds: float, processes: Sequence[ProcessTotals]) -> tuple[EngineTotals, ...]:
        """One EngineTotals per engine. A missing process keeps its last counts."""
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
