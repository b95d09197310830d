"""Days, weeks and months of time zones."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest

from vllm_costmeter.core.budgets.budget import PERIODS
from vllm_costmeter.core.budgets.periods import period_at, zone
from vllm_costmeter.core.errors import BadInputError


def at(text: str) -> float:
    """Unix time of ISO 8601 in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("per", "where", "now", "start", "end"),
    [
        ("month", "UTC", "2026-11-28T18:00", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("month", "UTC", "2026-12-01T00:00", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("month", "Europe/Berlin", "2026-10-31T22:59", "2026-09-30T22:00", "2026-10-31T23:00"),
        ("month", "Europe/Berlin", "2026-10-31T23:00", "2026-10-31T23:00", "2026-11-30T23:00"),
        ("month", "Pacific/Kiritimati", "2026-11-30T10:00", "2026-11-30T10:00", "2026-12-31T10:00"),
        ("month", "Pacific/Niue", "2026-12-01T10:59", "2026-11-01T11:00", "2026-12-01T11:00"),
        ("month", "Asia/Kolkata", "2028-02-29T18:29", "2028-01-31T18:30", "2028-02-29T18:30"),
        ("week", "UTC", "2026-11-29T23:59", "2026-11-23T00:00", "2026-11-30T00:00"),
        ("week", "America/New_York", "2026-11-30T04:59", "2026-11-23T05:00", "2026-11-30T05:00"),
        ("day", "Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours
        ("day", "Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 hours
        ("day", "Africa/Cairo", "2026-04-24T01:00", "2026-04-23T22:00", "2026-04-24T21:00"),  # no midnight
        (
            "day",
            "America/Havana",
            "2026-11-01T06:00",
            "2026-11-01T04:00",
            "2026-11-02T05:00",
        ),  # two midnights
        ("day", "Pacific/Apia", "2011-12-30T11:00", "2011-12-30T10:00", "2011-12-31T10:00"),  # no 30 December
    ],
)
def test_a_period_begins_at_its_time_zones_midnight(
    per: str, where: str, now: str, start: str, end: str
) -> None:
    """Whatever the clock of the machine shows; days have 23 to 25 hours."""
    assert period_at(per, zone(where), at(now)) == (at(start), at(end))  # type: ignore[arg-type]


def test_periods_follow_each_other_without_a_gap_in_every_time_zone() -> None:
    """Every day, week and month of two years ends where the next begins, and has its own moments."""
    for name in sorted(available_timezones())[::7]:
        where = ZoneInfo(name)
        for per in PERIODS:
            period = period_at(per, where, at("2026-01-01T00:00"))
            while period.end < at("2028-01-01T00:00"):
                later = period_at(per, where, period.end)
                assert later.start == period.end, (name, period)
                assert period_at(per, where, period.end - 1) == period
                period = later


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("europe/berlin", "nearest: Europe/Berlin"),
        ("Europe/Berln", "nearest: Europe/Berlin"),
        ("Europe", "is not a time zone"),
        ("../../etc/passwd", "is not a time zone"),
        ("/etc/localtime", "is not a time zone"),
        ("", "is not a time zone"),
        ("a\0b", "is not a time zone"),
        ("x" * 100_000, "is not a time zone"),
    ],
)
def test_an_unknown_time_zone_is_one_line(given: str, said: str) -> None:
    """With the nearest names; nothing outside the database is opened."""
    with pytest.raises(BadInputError) as caught:
        zone(given)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 250
