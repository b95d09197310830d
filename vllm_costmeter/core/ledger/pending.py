"""What a server has spent and not written yet, minute by minute."""

from __future__ import annotations

from vllm_costmeter.core.ledger.rows import MINUTE, NO_INTERVAL, Interval
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.core.meter.operations import Durations
from vllm_costmeter.core.meter.shares.share import Share

MOST_MINUTES = 180
"""Minutes kept apart while the file cannot be written; older ones are added to the next, so that nothing is lost."""


class Pending:
    """Totals go in, increases by minute come out, each exactly once."""

    def __init__(self) -> None:
        self._last = NO_INTERVAL
        self._minutes: dict[int, Interval] = {}

    def note(self, unix_seconds: float, totals: Interval) -> None:
        """The server's totals at this moment: their increase belongs to this minute."""
        last = self._last.shares
        shares = {key: share.minus(last.get(key, Share())) for key, share in totals.shares.items()}
        took = {
            operation: durations.minus(self._last.operations.get(operation, Durations()))
            for operation, durations in totals.operations.items()
        }
        increase = Interval(
            totals.usage - self._last.usage,
            {key: share for key, share in shares.items() if any(share)},
            {operation: durations for operation, durations in took.items() if durations.times},
        )
        self._last = totals
        self._add(int(unix_seconds // MINUTE) * MINUTE, increase)

    @property
    def totals(self) -> Interval:
        """As last noted."""
        return self._last

    def take(self) -> dict[int, Interval]:
        """Everything not taken yet, by the start of the minute."""
        taken, self._minutes = self._minutes, {}
        return {
            start: interval
            for start, interval in taken.items()
            if interval.usage != Usage() or interval.operations
        }

    def put_back(self, taken: dict[int, Interval]) -> None:
        """It could not be written."""
        for start, interval in taken.items():
            self._add(start, interval)

    def _add(self, start: int, interval: Interval) -> None:
        self._minutes[start] = self._minutes.get(start, NO_INTERVAL).plus(interval)
        while len(self._minutes) > MOST_MINUTES:
            oldest, next_oldest = sorted(self._minutes)[:2]
            self._minutes[next_oldest] = self._minutes[next_oldest].plus(self._minutes.pop(oldest))
