"""One engine's part of the bill: its active seconds, and the work done in them."""

from __future__ import annotations

from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.split.phases import PhaseLedger
from vllm_costmeter.core.meter.state_bill import StateSeconds
from vllm_costmeter.core.meter.work import NOTHING, Work


class Unbilled:
    """The seconds since energy was last charged, which late joules belong to."""

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        self._seconds = StateSeconds(0.0, 0.0, 0.0)

    def add(self, seconds: StateSeconds) -> None:
        """More time."""
        self._seconds = StateSeconds(*(old + new for old, new in zip(self._seconds, seconds, strict=True)))

    def take(self, nothing: bool) -> StateSeconds:
        """All of it. If there is `nothing` to charge, it is kept."""
        seconds = self._seconds
        if not nothing:
            self._seconds = StateSeconds(0.0, 0.0, 0.0)
        return seconds


class EngineAccount:
    """Turns an engine's totals into what each tick is charged.

    Follows the engine's own active and asleep seconds, limited to the length of a tick: a step that reports only at its
    end that it started three seconds ago is charged over the following ticks, and totals revised downwards pause
    charging. So states always add up to elapsed time, and in the long run match the engine.
    """

    __slots__ = (
        "_active_charged",
        "_asleep_charged",
        "_first",
        "_last",
        "energy_phases",
        "owed_seconds",
        "phases",
        "unmeasured",
        "unpaid",
    )

    def __init__(self) -> None:
        self._first: EngineTotals | None = None
        self._last: EngineTotals | None = None
        self._active_charged = 0.0
        self._asleep_charged = 0.0
        self.unpaid = Unbilled()
        """The time whose electricity has not been charged yet."""
        self.unmeasured = Unbilled()
        """The time whose energy has not been measured yet."""
        self.owed_seconds = 0.0
        """Active seconds that the engine reported and that are still to be charged."""
        self.phases = PhaseLedger()
        self.energy_phases = PhaseLedger(teaches=False)

    @property
    def totals(self) -> EngineTotals | None:
        """The latest snapshot; None before the first."""
        return self._last

    def advance(self, elapsed_seconds: float, totals: EngineTotals | None) -> tuple[StateSeconds, Work]:
        """The elapsed time by state, and the work done in it. Without a snapshot nothing is known of the engine and the
        time is idle."""
        if totals is None:
            seconds = StateSeconds(0.0, elapsed_seconds, 0.0)
            work = NOTHING
            self.owed_seconds = 0.0
        else:
            if self._last is not None and totals.counts.steps < self._last.counts.steps:
                self._begin_again()
            first, last = self._first or totals, self._last or totals
            asleep_due = totals.asleep_seconds - first.asleep_seconds - self._asleep_charged
            asleep = min(max(asleep_due, 0.0), elapsed_seconds)
            active_due = totals.active_seconds - first.active_seconds - self._active_charged
            active = min(max(active_due, 0.0), elapsed_seconds - asleep)
            seconds = StateSeconds(active, elapsed_seconds - asleep - active, asleep)
            work = Work(active, totals.counts - last.counts)
            self._first, self._last = first, totals
            self._asleep_charged += asleep
            self._active_charged += active
            self.owed_seconds = max(0.0, active_due - active)
        self.unpaid.add(seconds)
        self.unmeasured.add(seconds)
        return seconds, work

    def _begin_again(self) -> None:
        """The engine was replaced and counts from zero: charges stay, its totals are a new baseline."""
        self._first = self._last = None
        self._active_charged = self._asleep_charged = 0.0
