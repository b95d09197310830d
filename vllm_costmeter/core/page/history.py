"""The moments that a page draws: the last hour closely, everything before it ever more coarsely."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from vllm_costmeter.core.page.columns import MOST_COLUMNS_EACH, MOST_SERVERS, Column

RECENT_SECONDS = 10.0
"""Between two moments of the last hour."""
FIRST_SECONDS = 2.0
"""Between two moments since the start, at first."""
MOST_MOMENTS = 360
"""Of the last hour, and again since the start: with these two limits and 30 columns about 0.2 MB."""

MOST_COLUMNS = 2 * MOST_SERVERS * MOST_COLUMNS_EACH
"""Ever: servers come and go."""


class History:
    """Bounded whatever the uptime: when the moments since the start are too many, every second one goes and the step
    doubles. A moment is kept as the JSON text that is sent; a column, once known, keeps its place."""

    def __init__(self, most_moments: int = MOST_MOMENTS) -> None:
        self._most = most_moments
        self._recent: deque[tuple[float, str]] = deque(maxlen=most_moments)
        self._whole: list[tuple[float, str]] = []
        self._step_seconds = FIRST_SECONDS
        self.columns: list[Column] = []

    def is_due(self, uptime_seconds: float) -> bool:
        """Whether this moment would be kept."""
        return _is_due(self._whole, uptime_seconds, self._step_seconds) or _is_due(
            self._recent, uptime_seconds, RECENT_SECONDS
        )

    def add(self, uptime_seconds: float, values: Mapping[Column, float]) -> None:
        """Keep this moment if it is due."""
        moment = (uptime_seconds, self.row(uptime_seconds, values))
        if _is_due(self._recent, uptime_seconds, RECENT_SECONDS):
            self._recent.append(moment)
        if _is_due(self._whole, uptime_seconds, self._step_seconds):
            self._whole.append(moment)
            if len(self._whole) > self._most:
                self._whole = self._whole[::2]
                self._step_seconds *= 2

    def row(self, uptime_seconds: float, values: Mapping[Column, float]) -> str:
        """One moment as a JSON array: the uptime, then the values in the order of `columns`; null where nothing is
        known. A row may be shorter than `columns`: later columns were not known yet."""
        known = set(self.columns)
        self.columns += [column for column in values if column not in known]
        del self.columns[MOST_COLUMNS:]
        cells = [f"{uptime_seconds:.1f}", *(_number(values.get(column)) for column in self.columns)]
        return f"[{','.join(cells)}]"

    def rows(self, after_seconds: float = -1.0) -> list[str]:
        """The moments after this one, oldest first."""
        found = {*_tail(self._recent, after_seconds), *_tail(self._whole, after_seconds)}
        return [row for _, row in sorted(found)]


def _tail(
    moments: deque[tuple[float, str]] | list[tuple[float, str]], after: float
) -> Iterator[tuple[float, str]]:
    """From the newest back, so that the usual question, for the last few, costs little."""
    for moment in reversed(moments):
        if moment[0] <= after:
            return
        yield moment


def _is_due(moments: deque[tuple[float, str]] | list[tuple[float, str]], now: float, step: float) -> bool:
    return not moments or now - moments[-1][0] >= step - 0.5


def _number(value: float | None) -> str:
    """Ten digits: after years of tokens still a fraction of a percent of a ten-second difference."""
    return "null" if value is None else f"{value:.10g}"
