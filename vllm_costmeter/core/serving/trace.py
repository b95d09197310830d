"""A recorded load: when requests arrived, and how long they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError

WINDOW_SECONDS = 60.0
BUSY_SHARE = 0.95
"""A deployment is sized for the minute that only one in twenty exceeds."""
LEAST_WINDOWS = 10
"""Shorter traces are taken whole."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request."""

    seconds: float
    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Trace:
    """What a trace says of the load."""

    requests: int
    seconds: float
    """From the first arrival to the last."""
    mean_per_second: float
    busy_per_second: float
    """Of the busy minute, or the mean of a short trace."""
    prompt_tokens: float
    """On average."""
    output_tokens: float
    longest_tokens: int
    """Prompt and answer of the longest request."""
    cached_share: float | None = None
    """Of prompt tokens, that the prefix cache held; None: a trace does not say."""
    source: str = "trace"


def trace_of(arrivals: Sequence[Arrival], place: str) -> Trace:
    """BadInputError for fewer than two requests, arrivals out of order, or a length below 1; `place` names the file."""
    if len(arrivals) < 2:
        raise BadInputError(f"{place} has {len(arrivals)} requests; a rate needs two or more")
    for number, (before, after) in enumerate(pairwise(arrivals), 2):
        if after.seconds < before.seconds:
            raise BadInputError(
                f"{place}: request {number} arrives at {after.seconds:g} s, before request {number - 1} at "
                f"{before.seconds:g} s: sort the rows by arrival"
            )
    short = next((number for number, each in enumerate(arrivals, 1) if _is_short(each)), None)
    if short is not None:
        raise BadInputError(
            f"{place}: request {short} has no prompt or no output tokens; both must be at least 1"
        )
    start, end = arrivals[0].seconds, arrivals[-1].seconds
    if end <= start:
        raise BadInputError(f"{place}: all requests arrive at {start:g} s, which is no rate")
    mean = (len(arrivals) - 1) / (end - start)
    windows = int((end - start) / WINDOW_SECONDS)
    busy = mean
    if windows >= LEAST_WINDOWS:
        counts: Counter[int] = Counter(int((each.seconds - start) / WINDOW_SECONDS) for each in arrivals)
        counts.pop(windows, None)  # the rest of the last minute tells nothing
        quiet = windows - len(counts)  # may be as many as the minutes of a million years
        rank = min(int(BUSY_SHARE * windows), windows - 1)
        busiest = sorted(counts.values())[rank - quiet] if rank >= quiet else 0
        busy = max(mean, busiest / WINDOW_SECONDS)
    return Trace(
        requests=len(arrivals),
        seconds=end - start,
        mean_per_second=mean,
        busy_per_second=busy,
        prompt_tokens=sum(each.prompt_tokens for each in arrivals) / len(arrivals),
        output_tokens=sum(each.output_tokens for each in arrivals) / len(arrivals),
        longest_tokens=max(each.prompt_tokens + each.output_tokens for each in arrivals),
    )


def _is_short(each: Arrival) -> bool:
    return each.prompt_tokens < 1 or each.output_tokens < 1
