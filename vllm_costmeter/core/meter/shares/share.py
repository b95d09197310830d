"""A part of the active cost, and the work in it."""

from __future__ import annotations

from typing import NamedTuple


class Share(NamedTuple):
    """What the requests of one adapter or tenant took."""

    usd: float = 0.0
    joules: float = 0.0
    prompt_computed_tokens: int = 0
    prompt_cached_tokens: int = 0
    generated_tokens: int = 0
    finished_requests: int = 0
    aborted_requests: int = 0
    failed_requests: int = 0

    @property
    def tokens(self) -> int:
        """Of all kinds."""
        return self.prompt_computed_tokens + self.prompt_cached_tokens + self.generated_tokens

    @property
    def requests(self) -> int:
        """Requests that ended, however they did."""
        return self.finished_requests + self.aborted_requests + self.failed_requests

    def plus(self, other: Share) -> Share:
        """Both together."""
        return Share._make(one + two for one, two in zip(self, other, strict=True))

    def minus(self, earlier: Share) -> Share:
        """The increase since `earlier`."""
        return Share._make(now - then for now, then in zip(self, earlier, strict=True))


NO_SHARE = Share()
