"""Amounts, periods, names and states of budgets."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.budgets.budget import Budget, amount_usd, budget_of, period_name
from vllm_costmeter.core.budgets.state import Spent, current_period, state_of
from vllm_costmeter.core.budgets.tenant import must_be_known, tenant_name
from vllm_costmeter.core.dataclass import asdict
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.tenants.names import normalised

NOON = 1_795_262_400  # 2026-11-21T12:00:00Z
MONTH = Budget("acme", 60.0, "month", "UTC", "2026-11-01T00:00:00+00:00")
PERIOD = current_period(MONTH, NOON)


@pytest.mark.parametrize(
    ("text", "usd"), [("50", 50), ("$50", 50), (" $ 12.50 ", 12.5), (".5", 0.5), ("0.01", 0.01)]
)
def test_an_amount_is_read_as_people_write_it(text: str, usd: float) -> None:
    """With or without a dollar sign."""
    assert amount_usd(text) == usd


@pytest.mark.parametrize(
    "text",
    [
        "-5",
        "0",
        "0.001",
        "nan",
        "inf",
        "1e3",
        "1e999",
        "",
        "$",
        "1,000",
        "50€",
        "50 EUR",
        "٥٠",
        "9" * 400,
        "5\n0",
        "1e10",
    ],
)
def test_what_is_no_amount_is_one_line(text: str) -> None:
    """A comma may be a decimal point elsewhere, so it is not guessed."""
    with pytest.raises(BadInputError, match="is an amount in US dollars"):
        amount_usd(text)


def test_a_period_has_a_name() -> None:
    """A misspelt one is answered with the nearest."""
    assert [period_name(text) for text in ("month", "Monthly", "days", "WEEK")] == [
        "month",
        "month",
        "day",
        "week",
    ]
    with pytest.raises(BadInputError, match="nearest: month"):
        period_name("mnth")
    with pytest.raises(BadInputError, match="day, week, month"):
        period_name("fortnight")


@pytest.mark.parametrize("text", ["", " \n", "\0\x1b", "other", "(unattributed)", "(idle)", "t:0123456789ab"])
def test_what_is_no_tenant_is_one_line(text: str) -> None:
    """Nobody's name, the line of a report that is nobody, a hash."""
    with pytest.raises(BadInputError) as caught:
        tenant_name(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["acme", 'a "quoted" name', "key:0123456789ab", "Ünïcode Inc.", "a'; DROP TABLE share; --", "untagged"],
)
def test_a_tenant_may_have_any_printable_name(text: str) -> None:
    """As the ledger has it."""
    assert tenant_name(text) == text


@pytest.mark.parametrize(
    "text", ["a\n b", "x" * 65, "x" * 1_000_000, "u\u0308", "key:not a key", "\u202eevil"]
)
def test_a_tenant_is_found_under_the_name_it_sends(text: str) -> None:
    """The ledger has it as the server that got it made it: printable and short."""
    assert tenant_name(text) == normalised(text)
    assert len(tenant_name(text)) <= 64


def test_a_tenant_nobody_has_seen_is_answered_with_the_nearest() -> None:
    """Requests without a tenant are always known."""
    must_be_known("acme", {"acme"}, "l")
    must_be_known("untagged", (), "l")
    with pytest.raises(BadInputError, match="nearest: acme;"):
        must_be_known("acne", {"acme"}, "l")


def test_half_of_a_budget_at_two_thirds_of_its_month() -> None:
    """Pace is over an even one; at $1 an hour, $30 last 30 hours."""
    state = state_of(MONTH, PERIOD, Spent(30.0, 24.0), NOON)
    assert (state.left_usd, state.usd_per_hour, state.is_spent) == (30.0, 1.0, False)
    assert state.pace_ratio == pytest.approx(0.5 / (20.5 / 30))
    assert state.runs_out_unix_seconds == NOON + 30 * 3600


@pytest.mark.parametrize(
    "spent", [Spent(30.0, 0.0), Spent(59.0, 0.001), Spent(60.0, 24.0), Spent(90.0, 24.0)]
)
def test_a_budget_that_lasts_or_is_spent_runs_out_on_no_day(spent: Spent) -> None:
    """None is not a date."""
    assert state_of(MONTH, PERIOD, spent, NOON).runs_out_unix_seconds is None


def test_a_budget_is_spent_to_the_cent_and_overspent_below_zero() -> None:
    """The last cent counts."""
    assert not state_of(MONTH, PERIOD, Spent(59.99, 0), NOON).is_spent
    assert state_of(MONTH, PERIOD, Spent(60.0, 0), NOON).is_spent
    assert state_of(MONTH, PERIOD, Spent(75.0, 0), NOON).left_usd == -15


@pytest.mark.parametrize("now", [PERIOD.start, PERIOD.start - 5, PERIOD.end])
def test_no_moment_divides_by_zero(now: float) -> None:
    """Not the first of a period either, nor one that a clock shows which was set back."""
    assert state_of(MONTH, PERIOD, Spent(1.0, 1.0), now).pace_ratio > 0


@pytest.mark.parametrize(
    "change",
    [
        {"usd": "50"}, {"usd": True}, {"usd": float("nan")}, {"usd": -1}, {"usd": 10**400},
        {"per": "year"}, {"per": ["day"]}, {"timezone": "Mars/Base"}, {"timezone": 3}, {"since": "soon"}, {"since": 0},
        {"tenant": ""}, {"tenant": "x" * 65}, {"tenant": "a\nb"}, {"tenant": None},
    ],
)  # fmt: skip
def test_a_hostile_row_of_a_file_is_refused(change: dict[str, object]) -> None:
    """By its kind of error; the file's reader names the file."""
    assert budget_of(asdict(MONTH)) == MONTH
    with pytest.raises((ValueError, TypeError)):
        budget_of(asdict(MONTH) | change)
