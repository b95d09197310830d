"""A service level: how long requests may wait for their first token, and for each further one."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.serving.arrivals import Latency


@dataclass(frozen=True, slots=True)
class Goal:
    """At most so many seconds for this share of the requests."""

    seconds: float
    share: float | None = 0.95
    """None: on average."""

    @property
    def words(self) -> str:
        """ "p95", "mean"."""
        return "mean" if self.share is None else f"p{self.share * 100:g}"


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """None: no goal."""

    ttft: Goal | None = None
    tpot: Goal | None = None

    def missed(self, found: Latency) -> str | None:
        """The first goal that `found` misses, by name; None: it meets both."""
        if self.ttft is not None and found.ttft_seconds(self.ttft.share) > self.ttft.seconds:
            return "TTFT"
        if self.tpot is not None and found.tpot_seconds(self.tpot.share) > self.tpot.seconds:
            return "TPOT"
        return None

    @property
    def ttft_share(self) -> float | None:
        """The share of requests to print TTFT for."""
        return 0.95 if self.ttft is None else self.ttft.share

    @property
    def tpot_share(self) -> float | None:
        """The share of requests to print TPOT for."""
        return 0.95 if self.tpot is None else self.tpot.share
