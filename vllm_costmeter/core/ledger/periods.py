"""Times as people write them: ISO 8601, a month, a day, `yesterday`, `7d`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Literal

from vllm_costmeter.core.errors import BadInputError

UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
ALLOWED = (
    "ISO 8601 such as 2026-11-28 or 2026-11-28T14:00Z, a month (2026-11), today, yesterday, or an age "
    "(90m, 12h, 7d, 4w)"
)

PERIODS = "a length such as 90m, 24h, 7d or 4w"

Bound = Literal["start", "end"]


def moment(text: str, now: datetime, bound: Bound, flag: str) -> datetime:
    """The start of what `text` names, or with `end` the moment after it: `--until 2026-11` includes November. Without a
    time zone, UTC. BadInputError with what is allowed."""
    given = text.strip().lower()
    if age := re.fullmatch(r"(\d{1,6})\s*([mhdw])", given):
        return now - timedelta(seconds=int(age[1]) * UNITS[age[2]])
    if given == "now":
        return now
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if given in ("today", "yesterday"):
        day = today - timedelta(days=given == "yesterday")
        return day if bound == "start" else day + timedelta(days=1)
    try:
        if month := re.fullmatch(r"(\d{4})-(\d{2})", given):
            first = datetime(int(month[1]), int(month[2]), 1, tzinfo=UTC)
            return first if bound == "start" else (first + timedelta(days=32)).replace(day=1)
        found = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        raise BadInputError(f"{flag} must be {ALLOWED}, got {text!r:.60}") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", given) and bound == "end":
        return found + timedelta(days=1)
    return found


def duration_seconds(text: str, flag: str) -> int:
    """The length of a period. BadInputError for anything else, and for none at all."""
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip().lower())
    if found is None or not int(found[1]):
        raise BadInputError(f"{flag} must be {PERIODS}, got {text!r:.60}")
    return int(found[1]) * UNITS[found[2]]
