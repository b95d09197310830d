"""What a server did, followed from outside: from one look at its counters to the next."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engines.engine import Engine
from vllm_costmeter.core.engines.sample import COUNTED, EngineCounts, EngineSample
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.step_counts import StepCounts

LONGEST_GAP_SECONDS = 10.0
"""Between two looks further apart than this nothing is known of requests: the time counts as idle, and as unseen."""


QUICKEST_RESTART_SECONDS = 2.5
"""No engine ends, starts and answers again in less: another server answered."""
CLOCKS_APART_SECONDS = 60.0
"""The engine's clock and ours may differ by this."""


class SeveralServersError(Exception):
    """Behind the address is more than one server."""

    reason = "several_servers"

    def __init__(self) -> None:
        super().__init__(
            "another server answers at the same address, as behind a load balancer: name each server, or its counters "
            "would be added up again and again"
        )


class ScrapedEngine:
    """One data-parallel engine.

    Counts start at the first look. A counter that falls, or is gone, is another process: what it counted since its
    start is added. Between two looks the engine was active all the time if requests ran at both, half of it if at one,
    and not at all if at neither. So a short request between two looks is missed, and one that is met counts as a whole
    interval: on average over looks at random moments the active time is right.
    """

    def __init__(self, engine: Engine, new_since_seconds: float | None = None) -> None:
        """`new_since_seconds`: it was not there at the look before, so it counted from 0."""
        self._engine = engine
        self._last = None if new_since_seconds is None else EngineCounts()
        self._last_seconds = new_since_seconds or 0.0
        self._grown = dict.fromkeys(COUNTED, 0.0)
        self._computed_tokens = 0
        self._looks = 0
        self._active_seconds = 0.0
        self._asleep_seconds = 0.0
        self._last_token_unix_seconds: float | None = None
        self.unseen_seconds = 0.0
        """In gaps that were too long."""
        self.restarts = 0
        self.tells_cached = engine.cached is not None and engine.absent_cached_is_none
        """Whether cached tokens are known."""

    def look(self, now_seconds: float, unix_seconds: float, counts: EngineCounts, *, same: bool) -> None:
        """What its page says now; `same`: it is not known to be another process than at the last look."""
        last, self._looks = self._last, self._looks + 1
        self.tells_cached = self.tells_cached or counts.cached_tokens is not None
        if last is not None:
            restarted = not same or fell(last, counts)
            self.restarts += restarted
            added = _added(EngineCounts() if restarted else last, counts)
            for name, amount in added.items():
                self._grown[name] += amount
            if added["generated_tokens"] > 0:
                self._last_token_unix_seconds = unix_seconds
            self._spend(max(0.0, now_seconds - self._last_seconds), last, counts)
        self._last, self._last_seconds = counts, now_seconds

    def totals(self, index: int) -> EngineTotals:
        """Since the first look."""
        grown = self._grown
        cached = grown["cached_tokens"]
        computed = grown["prompt_tokens"] - cached * self._engine.prompt_includes_cached
        self._computed_tokens = max(self._computed_tokens, round(computed))
        return EngineTotals(
            engine_index=index,
            counts=StepCounts(
                prompt_computed_tokens=self._computed_tokens,
                prompt_cached_tokens=round(cached),
                generated_tokens=round(grown["generated_tokens"]),
                steps=self._looks,
                finished_requests=round(grown["finished_requests"]),
                aborted_requests=round(grown["aborted_requests"]),
                failed_requests=round(grown["failed_requests"]),
            ),
            active_seconds=self._active_seconds,
            asleep_seconds=self._asleep_seconds,
            kv_cache_usage_ratio=None if self._last is None else self._last.kv_cache_usage_ratio,
            last_token_unix_seconds=self._last_token_unix_seconds,
            observed_monotonic_seconds=self._last_seconds,
        )

    def _spend(self, seconds: float, last: EngineCounts, now: EngineCounts) -> None:
        if seconds > LONGEST_GAP_SECONDS:
            self.unseen_seconds += seconds
            return
        asleep = seconds * (bool(last.asleep) + bool(now.asleep)) / 2
        ran = ((last.running_requests or 0) > 0) + ((now.running_requests or 0) > 0)
        self._asleep_seconds += asleep
        self._active_seconds += min(seconds * ran / 2, seconds - asleep)


class ScrapedServer:
    """All engines of one target.

    There are as many places as engines at the first look, for the GPUs of a server do not change. An engine that comes
    later (a replica that replaces another, elastic data parallelism) takes the place of one that is gone, and with
    none free counts with the first. One that is gone takes nothing back.
    """

    def __init__(self, engine: Engine, first: EngineSample) -> None:
        self.indexes = tuple(counts.index for counts in first.engines)
        """Of the places."""
        self._engine = engine
        self._engines = {index: ScrapedEngine(engine) for index in self.indexes}
        self._place_of = {index: index for index in self.indexes}
        self._last = first
        self._last_seconds = float("-inf")
        self._last_unix_seconds = float("-inf")

    def look(self, now_seconds: float, unix_seconds: float, sample: EngineSample) -> None:
        """A page. Raises SeveralServersError, and counts nothing, if it is not the server of the last one and cannot be
        its restarted self: too soon, or older than the last look."""
        last = self._last
        same = sample.process == last.process or None in (sample.process, last.process)
        if not same or self._any_fell(sample):
            started = sample.started_unix_seconds
            is_old = started is not None and started < self._last_unix_seconds - CLOCKS_APART_SECONDS
            if is_old or now_seconds - self._last_seconds < QUICKEST_RESTART_SECONDS:
                raise SeveralServersError
        self._admit(sample, now_seconds)
        for counts in sample.engines:
            self._engines[counts.index].look(now_seconds, unix_seconds, counts, same=same)
        process = sample.process or last.process
        self._last = replace(sample, process=process)
        self._last_seconds, self._last_unix_seconds = now_seconds, unix_seconds

    def _any_fell(self, sample: EngineSample) -> bool:
        before = {counts.index: counts for counts in self._last.engines}
        return any(counts.index in before and fell(before[counts.index], counts) for counts in sample.engines)

    def _admit(self, sample: EngineSample, now_seconds: float) -> None:
        """Give every new engine a place."""
        present = {counts.index for counts in sample.engines}
        taken = {self._place_of[index] for index in present if index in self._place_of}
        free = [place for place in self.indexes if place not in taken]
        for index in sorted(present - self._place_of.keys()):
            self._place_of[index] = free.pop(0) if free else self.indexes[0]
            self._engines[index] = ScrapedEngine(self._engine, now_seconds)

    def totals(self) -> list[EngineTotals]:
        """Of each place."""
        return [self._totals(place) for place in self.indexes]

    def _totals(self, place: int) -> EngineTotals:
        present = {counts.index for counts in self._last.engines}
        indexes = [index for index, of in self._place_of.items() if of == place]
        found = [self._engines[index].totals(place) for index in indexes]
        now = [totals for index, totals in zip(indexes, found, strict=True) if index in present]
        usages = [each.kv_cache_usage_ratio for each in now if each.kv_cache_usage_ratio is not None]
        moments = [each.last_token_unix_seconds for each in found if each.last_token_unix_seconds is not None]
        return EngineTotals(
            engine_index=place,
            counts=sum((each.counts for each in found), StepCounts()),
            active_seconds=sum(each.active_seconds for each in found),
            asleep_seconds=sum(each.asleep_seconds for each in found),
            kv_cache_usage_ratio=sum(usages) / len(usages) if usages else None,
            last_token_unix_seconds=max(moments, default=None),
            observed_monotonic_seconds=self._last_seconds,
        )

    @property
    def tells_cached(self) -> bool:
        """Whether cached prompt tokens are known of every engine."""
        return all(engine.tells_cached for engine in self._engines.values())

    @property
    def unseen_seconds(self) -> float:
        """In which nobody could see whether requests ran."""
        return self._engines[self.indexes[0]].unseen_seconds

    @property
    def restarts(self) -> int:
        """Of the engine's process."""
        return max(engine.restarts for engine in self._engines.values())


def fell(last: EngineCounts, now: EngineCounts) -> bool:
    """A counter is lower than before, or gone: another process counts."""
    for name in COUNTED:
        before, after = getattr(last, name), getattr(now, name)
        if before is not None and (after is None or after < before):
            return True
    return False


def _added(last: EngineCounts, now: EngineCounts) -> dict[str, float]:
    """By how much each counter grew; one that was not there before began at 0."""
    return {name: max(0.0, (getattr(now, name) or 0.0) - (getattr(last, name) or 0.0)) for name in COUNTED}
