"""Quotes: their age, and which one prices a GPU by default."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from vllm_costmeter.core.pricing.quote import (
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
    assert choose_default([replace(ROW, verified=False), replace(ROW, term="spot")], 1) is None
    assert choose_default([], 1) is None


def test_the_newest_row_wins_then_the_cheapest_whatever_the_order() -> None:
    """The default depends on the rows, not on their order in the file."""
    rows = [
        replace(ROW, usd_per_gpu_hour=1.0, as_of="2025-12"),
        replace(ROW, usd_per_gpu_hour=3.0, as_of="2026-05-25", provider="b"),
        replace(ROW, usd_per_gpu_hour=2.5, as_of="2026-05-25", provider="c"),
    ]
    assert choose_default(rows, 1) == choose_default(reversed(rows), 1) == rows[2]


def test_the_users_own_row_wins_over_a_newer_one() -> None:
    """Who writes a price down means it."""
    own = replace(ROW, as_of="2020", from_user=True)
    assert choose_default([ROW, own], 1) == own


def test_a_price_is_stale_after_its_last_fresh_day() -> None:
    """After 90 days."""
    assert with_age("2026-05-25", 90) == "2026-05-25"
    assert with_age("2026-05-25", 91) == "2026-05-25 (stale: 91 days old)"


def test_a_quote_for_as_many_gpus_wins_over_a_cheaper_one() -> None:
    """For a machine of several; one GPU costs what it costs, in whatever machine it was quoted."""
    alone, eight = replace(ROW, gpus=1), replace(ROW, gpus=8, usd_per_gpu_hour=3.0)
    unknown = replace(ROW, usd_per_gpu_hour=1.0)
    assert choose_default([unknown, alone, eight], 8) == eight
    assert choose_default([alone, eight], 2) == alone
    assert choose_default([unknown, alone, eight], 1) == unknown
    assert choose_default([replace(eight, usd_per_gpu_hour=1.5), alone], 1) == replace(
        eight, usd_per_gpu_hour=1.5
    )


def test_a_date_goes_before_the_number_of_gpus_and_a_name_decides_last() -> None:
    """So that the default never depends on the order of the rows."""
    newer = replace(ROW, as_of="2026-06", gpus=1)
    assert choose_default([replace(ROW, gpus=8), newer], 8) == newer
    other = replace(ROW, provider="b")
    assert choose_default([other, ROW], 1) == choose_default([ROW, other], 1) == ROW


def test_a_row_is_the_packages_and_verified_unless_it_says_otherwise() -> None:
    assert (ROW.verified, ROW.from_user, ROW.gpus) == (True, False, None)


def test_a_date_means_its_first_day() -> None:
    """Of a year, a month or a day; a date to come is a negative age."""
    found = [first_day(as_of) for as_of in ("2026", "2026-05", "2026-05-25")]
    assert found == [date(2026, 1, 1), date(2026, 5, 1), date(2026, 5, 25)]
    assert ROW.age_days(date(2026, 4, 30)) == -1
