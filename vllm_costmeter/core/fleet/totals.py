"""Servers together: sums first, then ratios."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.fleet.reading import (
    MILLION,
    SECONDS_PER_HOUR,
    ServerReading,
    ServerRow,
    ratio,
    usd_per_million,
)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of what is known; None where no server says it."""

    servers: int
    up: int
    tokens_per_second: float | None
    usd_per_hour: float | None
    usd_per_million: float | None
    """What an hour costs over the tokens of an hour, idle servers included; of servers with a price."""
    idle_share: float | None
    joules_per_token: float | None
    total_usd: float | None


def totals_of(rows: Iterable[ServerRow]) -> Totals:
    """Of these servers; each ratio is of the servers that publish both of its parts."""
    listed = list(rows)
    found = [row.reading for row in listed if row.reading is not None]
    priced = [
        each for each in found if each.usd_per_hour is not None and each.charged_tokens_per_second is not None
    ]
    hourly, rate = _sum(priced, _charged_per_hour), _sum(priced, lambda each: each.charged_tokens_per_second)
    charged = [each for each in found if each.idle_usd is not None and each.total_usd is not None]
    measured = [each for each in found if each.joules is not None and each.tokens_since_start is not None]
    return Totals(
        servers=len(listed),
        up=len(found),
        tokens_per_second=_sum(found, lambda each: each.tokens_per_second),
        usd_per_hour=_sum(found, lambda each: each.usd_per_hour),
        usd_per_million=usd_per_million(hourly, rate),
        idle_share=ratio(
            _sum(charged, lambda each: each.idle_usd), _sum(charged, lambda each: each.total_usd)
        ),
        joules_per_token=ratio(
            _sum(measured, lambda each: each.joules), _sum(measured, lambda each: each.tokens_since_start)
        ),
        total_usd=_sum(found, lambda each: each.total_usd),
    )


def _charged_per_hour(reading: ServerReading) -> float | None:
    """Over the window of the tokens; a server that had none costs its price of now."""
    if reading.usd_per_million is None or not reading.charged_tokens_per_second:
        return reading.usd_per_hour
    return reading.usd_per_million * reading.charged_tokens_per_second * SECONDS_PER_HOUR / MILLION


def _sum(readings: Sequence[ServerReading], value: Callable[[ServerReading], float | None]) -> float | None:
    known = [number for number in map(value, readings) if number is not None]
    return math.fsum(known) if known else None
