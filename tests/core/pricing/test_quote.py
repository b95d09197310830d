"""Quotes: their age, and which one prices a GPU by default."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from vllm_costmeter.core.pricing.quote import (
    STALE_AFTER_DAYS,
    RentalQuote,
    choose_default,
    first_day,
    with_age,
)

ROW = RentalQuote(gpu="X", provider="a", term="on-demand", usd_per_gpu_hour=2.0, as_of="2026-05", source="s")


def test_age_counts_from_the_first_day_the_date_can_mean() -> None:
    """A price never looks fresher than it may be."""
    today = date(2026, 6, 10)
    ages = [replace(ROW, as_of=as_of).age_days(today) for as_of in ("2026", "2026-05", "2026-05-25")]
    assert ages == [160, 40, 16]


@pytest.mark.parametrize("text", ["", "26", "2026-5", "2026-13", "2026-02-30", "2026-05-25-01", "May 2026"])
def test_a_date_that_is_none_is_an_error(text: str) -> None:
    """Only a year, a month or a day is a date here."""
    with pytest.raises(ValueError):  # noqa: PT011 the messages of int() and date() differ by cause
        first_day(text)


def test_only_verified_on_demand_rows_are_defaults() -> None:
    """Estimates, spot prices and disputed quotes are shown, never charged."""
    assert choose_default([replace(ROW, verified=False), replace(ROW, term="spot")]) is None
    assert choose_default([]) is None


def test_the_newest_row_wins_then_the_cheapest_whatever_the_order() -> None:
    """The default depends on the rows, not on their order in the file."""
    rows = [
        replace(ROW, usd_per_gpu_hour=1.0, as_of="2025-12"),
        replace(ROW, usd_per_gpu_hour=3.0, as_of="2026-05-25", provider="b"),
        replace(ROW, usd_per_gpu_hour=2.5, as_of="2026-05-25", provider="c"),
    ]
    assert choose_default(rows) == choose_default(reversed(rows)) == rows[2]


def test_the_users_own_row_wins_over_a_newer_one() -> None:
    """Who writes a price down means it."""
    own = replace(ROW, as_of="2020", from_user=True)
    assert choose_default([ROW, own]) == own


def test_a_price_is_stale_after_its_last_fresh_day() -> None:
    assert with_age("2026-05-25", STALE_AFTER_DAYS) == "2026-05-25"
    assert "stale" in with_age("2026-05-25", STALE_AFTER_DAYS + 1)
