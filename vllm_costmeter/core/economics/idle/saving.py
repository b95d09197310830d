"""What a way to save saves, and what it costs those who wait."""

from __future__ import annotations

from typing import Literal, NamedTuple

from vllm_costmeter.core.economics.idle.return_times import ReturnTimes

Way = Literal["scale_to_zero", "sleep_level_1", "sleep_level_2", "fewer_replicas", "cheaper_gpu"]


class Delays(NamedTuple):
    """Requests that wait, and how long. Unknown times are None."""

    requests: int = 0
    total_seconds: float | None = 0.0
    longest_seconds: float | None = 0.0

    @property
    def mean_seconds(self) -> float | None:
        """Of those that wait; None if unknown or if none waits."""
        return (
            self.total_seconds / self.requests if self.requests and self.total_seconds is not None else None
        )

    def plus(self, other: Delays) -> Delays:
        """Both together."""
        if self.total_seconds is None or other.total_seconds is None:
            return Delays(self.requests + other.requests, None, None)
        longest = max(self.longest_seconds or 0.0, other.longest_seconds or 0.0)
        return Delays(self.requests + other.requests, self.total_seconds + other.total_seconds, longest)


class Saving(NamedTuple):
    """One way of running the servers of a model, over the period."""

    way: Way
    setting: str
    """The time-out, the number of replicas, or the GPU."""
    usd: float
    delays: Delays
    starts: int
    """How often a server would start or wake."""
    on_the_bill: bool
    """False if the GPU stays rented: the dollars are what its memory is worth to another model meanwhile."""
    time_out_seconds: int | None = None


class ModelSavings(NamedTuple):
    """All ways for one model."""

    model_name: str
    usd: float
    """The bill of the period."""
    requests: float
    idle_share: float
    """Of the paid time."""
    servers: int
    """The most that ran at once."""
    savings: tuple[Saving, ...]
    left_out: tuple[str, ...]
    """Ways that could not be judged, and why."""
    times: ReturnTimes

    def delayed_share(self, saving: Saving) -> float:
        """Of all requests."""
        return saving.delays.requests / self.requests if self.requests else 0.0

    def best(self, way: Way, most_delayed: float) -> Saving | None:
        """The saving that is worth most among those that delay no more than this share of the requests."""
        allowed = [
            saving
            for saving in self.savings
            if saving.way == way and saving.usd > 0 and self.delayed_share(saving) <= most_delayed
        ]
        return max(allowed, key=lambda saving: saving.usd, default=None)

    def chosen(self, most_delayed: float) -> list[Saving]:
        """The best of each way, the one worth most first; those on the bill before those that are not."""
        found = [self.best(way, most_delayed) for way in dict.fromkeys(each.way for each in self.savings)]
        return sorted(
            (saving for saving in found if saving is not None),
            key=lambda saving: (not saving.on_the_bill, -saving.usd),
        )
