"""What owning a GPU costs, by its terms."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.ownership import OwnedTerms, energy_usd

TERMS = OwnedTerms(
    purchase_usd=Fraction(30_000),
    residual_usd=Fraction(3720),
    usd_per_kwh=Fraction(1, 5),
    watts=Fraction(1000),
    pue=Fraction(3, 2),
    overhead_usd_per_month=Fraction(73),
)
HALF = Fraction(1, 2)


def test_a_purchase_is_written_off_in_equal_hours() -> None:
    """26,280 USD over three years of 8,760 hours, the lifetime that is assumed; half as much over six."""
    assert TERMS.depreciation_usd_per_hour(1) == 1
    assert TERMS.depreciation_usd_per_hour(8) == 8
    assert replace(TERMS, lifetime_years=Fraction(6)).depreciation_usd_per_hour(1) == HALF


def test_terms_that_are_not_stated_cost_nothing() -> None:
    """No residual value, power or overhead, and the energy that the GPUs draw is all that is paid."""
    bare = OwnedTerms(Fraction(26_280), usd_per_kwh=Fraction(1))
    assert bare.depreciation_usd_per_hour(1) == 1
    assert (bare.overhead_usd_per_hour, bare.electricity_usd(Fraction(10))) == (0, (0, 0))
    assert replace(bare, watts=Fraction(1000)).electricity_usd(Fraction(10)) == (10, 10)


def test_a_month_of_overhead_has_730_hours() -> None:
    assert TERMS.overhead_usd_per_hour == Fraction(1, 10)


def test_electricity_is_a_range_until_the_idle_power_is_known() -> None:
    """1 kW for half of ten hours, at 0.20 USD per kWh and a PUE of 1.5: 5 to 10 kWh, 6 with 200 W idle."""
    hours = Fraction(10)
    assert TERMS.electricity_usd(hours, HALF) == (Fraction("1.5"), 3)
    known = replace(TERMS, idle_watts=Fraction(200))
    assert known.electricity_usd(hours, HALF) == (Fraction("1.8"), Fraction("1.8"))
    assert TERMS.electricity_usd(hours) == known.electricity_usd(hours) == (3, 3)
    assert replace(TERMS, usd_per_kwh=None).electricity_usd(hours) == (0, 0)
    assert energy_usd(Fraction(5), Fraction(3, 2), Fraction(1, 5)) == Fraction("1.5")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            {"residual_usd": Fraction(30_001)},
            r"residual value of \$30,001 exceeds the purchase price of \$30,000",
        ),
        ({"lifetime_years": Fraction(0)}, "a lifetime of 0 years"),
        ({"lifetime_years": Fraction(-1)}, "a lifetime of 0 years"),
        ({"pue": Fraction(99, 100)}, r"a PUE of 0\.99"),
        ({"idle_watts": Fraction(1001)}, "idle power of 1001 W exceeds the 1000 W of a GPU at work"),
    ],
)
def test_terms_that_contradict_each_other_are_named(wrong: dict[str, Fraction], says: str) -> None:
    with pytest.raises(BadInputError, match=says):
        replace(TERMS, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "extreme",
    [
        {"residual_usd": Fraction(30_000)},
        {"lifetime_years": Fraction(1, 100)},
        {"pue": Fraction(1)},
        {"idle_watts": Fraction(1000)},
        {"idle_watts": Fraction(0)},
    ],
)
def test_terms_at_their_bounds_are_taken(extreme: dict[str, Fraction]) -> None:
    """A GPU that keeps its value, is written off in days, in a building that uses nothing, idle as busy, or off."""
    assert replace(TERMS, **extreme)  # type: ignore[arg-type]
