"""Days, weeks and months of a time zone, as moments in Unix time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from typing import Literal, NamedTuple

from vllm_costmeter.core.errors import BadInputError, nearest


class Period(NamedTuple):
    """[start, end) in Unix seconds."""

    start: float
    end: float


LONGEST_ZONE = 200
"""Characters; IANA's longest name has 32."""


def zone(name: str) -> tzinfo:
    """The time zone with this IANA name. BadInputError, with the nearest names, if this machine knows none."""
    if name == "UTC":
        return UTC  # also where no time zone database is installed
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name[:LONGEST_ZONE])  # a longer one overflows the stack of its look-up
    except (ZoneInfoNotFoundError, ValueError, OSError):
        folded = _known_zones()
    if not folded:
        raise BadInputError(
            f"the time zone {name!r:.60} cannot be looked up: this machine has no time zone database; "
            "install tzdata, or use UTC"
        )
    same = folded.get(name.casefold())
    hint = f"; nearest: {same}" if same else nearest(name, folded.values())
    raise BadInputError(f"{name!r:.60} is not a time zone{hint}; an IANA name such as Europe/Berlin or UTC")


@cache
def _known_zones() -> dict[str, str]:
    """This machine's time zones by their case-folded names; read once, from 1,800 files."""
    from zoneinfo import available_timezones

    return {name.casefold(): name for name in sorted(available_timezones())}


def period_at(per: Literal["day", "week", "month"], where: tzinfo, unix_seconds: float) -> Period:
    """The day, week (from Monday) or month of the time zone that has this moment.

    It begins at the first moment of its first day: where a clock skips midnight, when it skips; where midnight comes
    twice, the first time. So periods follow each other without a gap; a day has 23 to 25 hours.
    """
    first = datetime.fromtimestamp(unix_seconds, where).date()
    if per == "week":
        first -= timedelta(days=first.weekday())
    elif per == "month":
        first = first.replace(day=1)
    last = {
        "day": first + timedelta(days=1),
        "week": first + timedelta(days=7),
        "month": (first + timedelta(days=31)).replace(day=1),
    }[per]
    return Period(_begins(first, where), _begins(last, where))


def _begins(day: date, where: tzinfo) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=where).timestamp()
