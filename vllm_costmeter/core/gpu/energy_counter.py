"""A monotonic energy counter from a driver's counter, which driver reloads reset and glitches disturb."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass, replace

COUNTER_LAG_SECONDS = 1.0
"""Drivers update the counter in steps (20 to 100 ms on data centre GPUs), so an increase may belong to slightly
earlier."""
STUCK_SECONDS = 60.0
"""A counter that has not increased for this long is stuck: a running GPU draws some watts, and every driver we have
seen updates the counter many times a second. Our choice."""


@dataclass(frozen=True, slots=True)
class _Count:
    """One reading of the counter."""

    joules: float
    seconds: float

    def leads_to(self, later: _Count, largest_watts: float) -> bool:
        """Whether a GPU can have used the difference in that time. Always false for NaN."""
        seconds = max(later.seconds - self.seconds, 0.0) + COUNTER_LAG_SECONDS
        return 0 <= later.joules - self.joules <= largest_watts * seconds


@dataclass(frozen=True, slots=True)
class EnergyCounter:
    """Joules since the first reading. It may miss energy, but never exceeds what a GPU can use in that time.

    A reading that is inconsistent with the last one is accepted only if the next reading is consistent with it: then
    the counter was reset or jumped. If the next reading continues from the last accepted one, it was a glitch.
    """

    total_joules: float
    last: _Count
    risen_seconds: float
    """When it last increased."""
    doubted: _Count | None = None

    @classmethod
    def started(cls, counter_joules: float, now_seconds: float) -> EnergyCounter:
        return cls(0.0, _Count(counter_joules, now_seconds), now_seconds)

    def advanced(self, counter_joules: float, now_seconds: float, largest_watts: float) -> EnergyCounter:
        """The counter after another reading of a GPU that draws at most `largest_watts`. The total never decreases.

        A reloaded driver counts from 0 again, so after a drop the counter's value is the energy since then, if that is
        plausible. Energy between the last reading and a reset, overflow or jump is lost.
        """
        now = _Count(counter_joules, now_seconds)
        if self.last.leads_to(now, largest_watts):
            return self._risen(counter_joules - self.last.joules, now)
        if self.doubted is not None and self.doubted.leads_to(now, largest_watts):
            since_reset = replace(self.last, joules=0.0)
            fell = self.doubted.joules < self.last.joules
            drawn = self.doubted.joules if fell and since_reset.leads_to(self.doubted, largest_watts) else 0.0
            return self._risen(drawn + counter_joules - self.doubted.joules, now)
        return replace(self, doubted=now)

    def is_stuck(self, now_seconds: float) -> bool:
        """Whether the counter responds but does not increase."""
        return now_seconds - self.risen_seconds > STUCK_SECONDS

    def _risen(self, joules: float, now: _Count) -> EnergyCounter:
        risen_seconds = now.seconds if joules > 0 else self.risen_seconds
        return EnergyCounter(self.total_joules + joules, now, risen_seconds)
