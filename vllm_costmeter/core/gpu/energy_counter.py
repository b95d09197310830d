"""A driver's energy counter made to grow only: reloads reset it, and glitches are not energy."""

from __future__ import annotations

from dataclasses import dataclass, replace

COUNTER_LAG_SECONDS = 1.0
"""Drivers refresh the counter in steps (20 to 100 ms seen on data-centre GPUs), so a rise may belong to a moment
before."""
STUCK_SECONDS = 60.0
"""A counter that has not risen for so long does not count: a GPU that answers draws some watts, and every driver seen
refreshes it many times a second. A choice of ours."""


@dataclass(frozen=True, slots=True)
class _Count:
    """One answer of the counter."""

    joules: float
    seconds: float

    def leads_to(self, later: _Count, largest_watts: float) -> bool:
        """Whether a GPU can have drawn what lies between them. NaN leads nowhere."""
        seconds = max(later.seconds - self.seconds, 0.0) + COUNTER_LAG_SECONDS
        return 0 <= later.joules - self.joules <= largest_watts * seconds


@dataclass(frozen=True, slots=True)
class EnergyCounter:
    """Joules since the first reading. It may lack energy, and never has more than a GPU can have drawn in the time.

    An answer that does not follow from the last one is believed only when the next answer follows from it: then the
    counter was reset or has jumped. When the next one follows from the last that was believed, it was a glitch.
    """

    total_joules: float
    last: _Count
    risen_seconds: float
    """When it last rose."""
    doubted: _Count | None = None

    @classmethod
    def started(cls, counter_joules: float, now_seconds: float) -> EnergyCounter:
        return cls(0.0, _Count(counter_joules, now_seconds), now_seconds)

    def advanced(self, counter_joules: float, now_seconds: float, largest_watts: float) -> EnergyCounter:
        """The counter after another reading of a GPU that draws at most `largest_watts`. The total never falls.

        A driver that was reloaded counts from 0 again, so a counter that fell holds what was drawn since, if that is
        possible; what a counter drew before it was reset, wrapped or jumped, and after its last reading, is lost.
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
        """Whether it answers and does not count."""
        return now_seconds - self.risen_seconds > STUCK_SECONDS

    def _risen(self, joules: float, now: _Count) -> EnergyCounter:
        risen_seconds = now.seconds if joules > 0 else self.risen_seconds
        return EnergyCounter(self.total_joules + joules, now, risen_seconds)
