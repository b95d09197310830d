"""How often the pages that are open may ask, so that many of them cost no more than a few."""

from __future__ import annotations

QUICKEST_SECONDS, SLOWEST_SECONDS = 2.0, 120.0
SECONDS_PER_PAGE = 1.5
"""All pages together ask twice in three seconds: ten of them every 15 s each, fifty every 75 s."""
COUNTED_SECONDS = 10.0


class Pace:
    """Counts who asks, and tells when to ask again. Pages are not told apart: as many are open as would, at the last
    interval told, have asked as often."""

    def __init__(self) -> None:
        self.refresh_seconds = QUICKEST_SECONDS
        self._asked = 0
        self._since: float | None = None

    def ask(self, now_seconds: float) -> float:
        """Somebody asks now; after how many seconds to ask again."""
        if self._since is None:
            self._since = now_seconds
        self._asked += 1
        elapsed = now_seconds - self._since
        if elapsed >= COUNTED_SECONDS:
            pages = self._asked * min(self.refresh_seconds, elapsed) / elapsed
            self.refresh_seconds = min(SLOWEST_SECONDS, max(QUICKEST_SECONDS, pages * SECONDS_PER_PAGE))
            self._asked, self._since = 0, now_seconds
        return self.refresh_seconds
