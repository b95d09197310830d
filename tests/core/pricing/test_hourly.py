"""What a GPU costs by the hour, rented or owned."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.hourly import HourlyCost, rented, usd_per_million_tokens
from vllm_costmeter.core.pricing.money import exact, written
from vllm_costmeter.core.pricing.ownership import OwnedTerms
from vllm_costmeter.core.pricing.price import owned_price

OWNED = OwnedTerms(purchase_usd=Fraction(2000), usd_per_kwh=exact("0.15"), watts=Fraction(450))
HALF = Fraction(1, 2)
money = st.fractions(0, 10_000, max_denominator=100)


def test_the_definition_of_a_price_per_million() -> None:
    """0.55 USD an hour at 2,550 tokens a second."""
    assert written(usd_per_million_tokens(exact("0.55"), Fraction(2550)), 6) == "0.059913"


def test_the_articles_owned_gpu() -> None:
    """0.076 + 0.068 = 0.144; at half use it doubles all of it, 0.288."""
    cost = HourlyCost(owned=OWNED)
    assert {name: written(usd, 3) for name, usd in cost.components().items() if usd} == {
        "depreciation": "0.076",
        "electricity": "0.068",
    }
    assert written(cost.usd_per_useful_hour(HALF, "article")[0], 3) == "0.288"


def test_a_known_idle_draw_makes_one_figure_of_the_range() -> None:
    """50 W while waiting: half an hour of it goes with every half hour of work."""
    low, high = HourlyCost(owned=OWNED).usd_per_useful_hour(HALF)
    known = HourlyCost(owned=OwnedTerms(**_terms(OWNED), idle_watts=Fraction(50))).usd_per_useful_hour(HALF)
    assert known[0] == known[1] == low + exact("0.0075")
    assert low < known[0] < high


def _terms(terms: OwnedTerms) -> dict[str, Fraction]:
    return {"purchase_usd": terms.purchase_usd, "usd_per_kwh": terms.usd_per_kwh, "watts": terms.watts}


@given(money, money, money, st.integers(1, 64), st.fractions("1/100", 1))
def test_an_idle_gpu_never_makes_work_cheaper(
    purchase: Fraction, tariff: Fraction, watts: Fraction, gpus: int, utilisation: Fraction
) -> None:
    """An hour of work costs at least an hour, at full use exactly an hour, and GPUs add up."""
    owned = OwnedTerms(purchase_usd=purchase, usd_per_kwh=tariff, watts=watts)
    cost, one = HourlyCost(gpus, owned=owned), HourlyCost(owned=owned)
    low, high = cost.usd_per_useful_hour(utilisation)
    assert cost.usd_per_hour() <= low <= high == cost.usd_per_hour() / utilisation
    assert cost.usd_per_useful_hour(Fraction(1)) == (cost.usd_per_hour(), cost.usd_per_hour())
    assert cost.usd_per_hour() == gpus * one.usd_per_hour() == sum(cost.components().values())


def test_rent_runs_while_the_gpu_waits() -> None:
    """Half the use, twice the price, in both conventions; electricity is the landlord's."""
    cost = rented("3.84", 8)
    assert (
        cost.usd_per_useful_hour(HALF)
        == (exact("61.44"), exact("61.44"))
        == cost.usd_per_useful_hour(HALF, "article")
    )


@given(money, money, st.fractions("1/10", 50, max_denominator=10), money, st.integers(1, 64))
def test_the_meter_and_the_commands_price_ownership_alike(
    purchase: Fraction, residual: Fraction, years: Fraction, overhead: Fraction, gpus: int
) -> None:
    """Every component, whatever the terms: the meter's float is the commands' exact figure."""
    terms = {
        "purchase_usd": purchase + residual,
        "residual_usd": residual,
        "lifetime_years": years,
        "overhead_usd_per_month": overhead,
    }
    metered = owned_price(
        **{name: float(value) for name, value in terms.items()}, usd_per_kwh=None, gpus=gpus, source="flag"
    )
    printed = HourlyCost(gpus, owned=OwnedTerms(**terms)).components()
    assert metered.usd_per_hour_by_component == pytest.approx(
        {name: float(usd) for name, usd in printed.items()}
    )


def test_overhead_is_per_server() -> None:
    """730 USD a month is 1.00 USD an hour for one GPU and for eight, at work and as standing cost."""
    owned = OwnedTerms(purchase_usd=Fraction(0), overhead_usd_per_month=Fraction(730))
    for gpus in (1, 8):
        cost = HourlyCost(gpus, owned=owned)
        assert cost.components()["overhead"] == cost.standing_usd_per_hour == cost.usd_per_hour() == 1


def test_electricity_that_nobody_priced_is_no_component() -> None:
    """Not a component of 0 dollars."""
    cost = HourlyCost(owned=OwnedTerms(purchase_usd=Fraction(2000), watts=Fraction(450)))
    assert cost.lacks_electricity
    assert "electricity" not in cost.components()
    assert not HourlyCost(owned=OWNED).lacks_electricity


@pytest.mark.parametrize(
    "wrong",
    [
        {"residual_usd": Fraction(2001)},
        {"lifetime_years": Fraction(0)},
        {"pue": exact("0.9")},
        {"idle_watts": Fraction(451)},
    ],
)
def test_terms_that_cannot_be_meant(wrong: dict[str, Fraction]) -> None:
    """One line each."""
    with pytest.raises(BadInputError):
        OwnedTerms(**_terms(OWNED), **wrong)


def test_another_tariff_changes_what_is_owned_alone() -> None:
    """Rent includes electricity."""
    rent, owned = rented(exact("2.5"), 1), HourlyCost(owned=OWNED)
    assert rent.at_tariff(Fraction(1)) == rent
    dearer = owned.at_tariff(Fraction(1)).owned
    assert dearer is not None
    assert dearer.usd_per_kwh == 1


def test_the_article_rounds_each_component_of_each_gpu() -> None:
    """0.0761 and 0.0675 USD to 0.076 and 0.068 before they are multiplied, 73.3 USD a month of overhead to 0.100."""
    cost = HourlyCost(2, owned=OwnedTerms(**_terms(OWNED), overhead_usd_per_month=exact("73.3")))
    assert cost.components("article") == {
        "depreciation": exact("0.152"),
        "electricity": exact("0.136"),
        "overhead": exact("0.1"),
    }
    assert cost.usd_per_hour("article") == exact("0.388")
    assert cost.usd_per_useful_hour(HALF, "article") == (exact("0.776"), exact("0.776"))
    assert cost.components()["electricity"] == exact("0.135")


def test_a_rented_server_has_neither_electricity_nor_a_standing_cost_of_its_own() -> None:
    """Both are the landlord's."""
    rent = rented("3.84", 8)
    assert (rent.basis, rent.components()) == ("rented", {"rental": exact("30.72")})
    assert (rent.standing_usd_per_hour, rent.electricity_usd(Fraction(10), HALF)) == (0, (0, 0))
    assert not rent.lacks_electricity
    assert rented(3.84) == HourlyCost(1, exact("3.84"))


def test_the_electricity_of_a_server_is_that_of_all_its_gpus() -> None:
    """450 W each for ten hours, half of them at work, at 0.15 USD: between 0.3375 and 0.675 for one."""
    cost = HourlyCost(4, owned=OWNED)
    assert cost.basis == "owned"
    assert cost.electricity_usd(Fraction(10), HALF) == (exact("1.35"), exact("2.7"))
    assert cost.standing_usd_per_hour == Fraction(4 * 2000, 3 * 8760)


def test_a_server_has_a_gpu_and_is_either_rented_or_owned() -> None:
    """One line for fewer GPUs; anything else is a fault of the caller."""
    with pytest.raises(BadInputError, match=r"^0 GPUs; give 1 or more$"):
        HourlyCost(0, rental_usd=Fraction(1))
    for wrong in ({}, {"rental_usd": Fraction(1), "owned": OWNED}):
        with pytest.raises(ValueError, match="either rented or owned"):
            HourlyCost(1, **wrong)  # type: ignore[arg-type]
    assert HourlyCost(rental_usd=Fraction(0)).gpus == 1
