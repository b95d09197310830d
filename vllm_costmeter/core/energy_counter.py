"""A driver's energy counter made to grow only: reloads reset it, and glitches are not energy."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_CARD_WATTS = 2000.0
"""Above any card's draw (GB300: 1,400 W TDP, aiconfigurator, 2026-11); a faster rise is a glitch, not energy."""
COUNTER_LAG_SECONDS = 1.0
"""Drivers refresh the counter in steps (20 to 100 ms seen on data-centre cards), so a rise may belong to a moment
before."""


@dataclass(frozen=True, slots=True)
class EnergyCounter:
    """Joules since the first reading."""

    total_joules: float
    last_counter_joules: float
    last_seconds: float

    @classmethod
    def started(cls, counter_joules: float, now_seconds: float) -> EnergyCounter:
        return cls(0.0, counter_joules, now_seconds)

    def advanced(self, counter_joules: float, now_seconds: float) -> EnergyCounter:
        """The counter after another reading. The total never falls.

        A driver that was reloaded counts from 0 again, so a counter that fell holds what was drawn since. A rise
        that no card could draw in the time is left out: the total may then lack energy, never invent it.
        """
        rise = counter_joules - self.last_counter_joules
        if rise < 0:
            rise = counter_joules
        seconds = max(now_seconds - self.last_seconds, 0.0) + COUNTER_LAG_SECONDS
        if rise > LARGEST_CARD_WATTS * seconds:
            rise = 0.0
        return EnergyCounter(self.total_joules + rise, counter_joules, now_seconds)
