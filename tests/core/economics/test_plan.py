"""Months of deployments, and when buying pays."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.economics.break_even import break_even
from vllm_costmeter.core.economics.plan import MonthlyPlan, Use, saving
from vllm_costmeter.core.economics.sensitivity import by_tariff, by_utilisation
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.hourly import HourlyCost, rented
from vllm_costmeter.core.pricing.money import cents, exact, written
from vllm_costmeter.core.pricing.ownership import OwnedTerms

OWNED = OwnedTerms(purchase_usd=Fraction(2000), usd_per_kwh=exact("0.15"), watts=Fraction(450))
rates = st.decimals("0.01", 100, places=4).map(exact)


def use(usd_per_hour: str, hours: int, **more: object) -> Use:
    """One rented GPU."""
    return Use("a GPU", rented(usd_per_hour), Fraction(hours), **more)  # type: ignore[arg-type]


def test_the_articles_mix_saves_94_percent() -> None:
    """88 + 76.80 against 2,764.80."""
    mixed = MonthlyPlan("mixed", (use("0.55", 160), use("3.84", 20)))
    always = MonthlyPlan("always", (use("3.84", 720),))
    assert (written(mixed.usd(), 2), written(always.usd(), 2)) == ("164.80", "2,764.80")
    saved = saving(mixed.usd(), always.usd())
    assert saved is not None
    assert round(float(saved), 4) == 0.9404


@given(st.lists(st.tuples(rates, st.integers(1, 744), st.sampled_from(["serving", "training"])), min_size=1))
def test_purposes_add_up_to_the_plan(terms: list[tuple[Fraction, int, str]]) -> None:
    """Every line is whole cents, and serving plus training is all."""
    plan = MonthlyPlan("p", tuple(use(str(float(usd)), hours, purpose=what) for usd, hours, what in terms))
    assert all(cents(line.usd()) == line.usd() for line in plan.uses)
    assert plan.usd_for("serving") + plan.usd_for("training") == plan.usd()


def test_a_price_per_million_needs_every_rate() -> None:
    """A serving line whose rate is not known leaves the plan without a price; training does not count."""
    known, unknown = use("0.55", 100, tokens_per_second=Fraction(2550)), use("0.55", 100)
    training = use("0.55", 100, purpose="training")
    assert MonthlyPlan("p", (known, unknown)).usd_per_million_tokens() is None
    unit = MonthlyPlan("p", (known, training)).usd_per_million_tokens()
    assert unit is not None
    assert written(unit, 3) == "0.060"


def test_an_owned_gpu_is_written_off_all_month() -> None:
    """2,000 USD over 36 months is 55.56 a month, used or not; electricity goes with the use."""
    idle = Use("4090", HourlyCost(owned=OWNED), Fraction(1, 1000))
    busy = Use("4090", HourlyCost(owned=OWNED), Fraction(160))
    assert written(idle.usd(), 2) == "55.56"
    assert written(busy.usd(), 2) == "66.36"


def test_a_waiting_gpu_of_unknown_draw_is_counted_at_full_power() -> None:
    """A cost is never understated; a known draw is counted for the waiting hours, and no draw outside the hours."""
    half = Use("4090", HourlyCost(owned=OWNED), Fraction(160), utilisation=Fraction(1, 2))
    known = replace(half, cost=HourlyCost(owned=replace(OWNED, idle_watts=Fraction(100))))
    assert [written(each.usd(), 2) for each in (half, known)] == ["66.36", "62.16"]
    assert written(half.usd_range()[0], 2) == "60.96"


def test_break_even_runs_on_the_electricity_of_the_plan() -> None:
    """What the line adds to the write-off is what the break-even calls running."""
    owned = replace(OWNED, idle_watts=Fraction(100), overhead_usd_per_month=Fraction(5))
    line = Use("4090", HourlyCost(2, owned=owned), Fraction(160), utilisation=Fraction(1, 2))
    running = break_even(owned, exact("0.55"), Fraction(160), 2, Fraction(1, 2)).own_usd_per_month
    written_off = owned.depreciation_usd_per_hour(2) * 730
    assert line.usd() == cents(running) + cents(written_off)


def test_sensitivity_varies_the_plan_itself() -> None:
    """At the plan's own utilisation and tariff stands the plan's own price; it falls with use and rises with the
    tariff."""
    owned = Use(
        "4090",
        HourlyCost(owned=OWNED),
        Fraction(160),
        tokens_per_second=Fraction(2550),
        utilisation=Fraction(1, 2),
    )
    by_use, by_price = by_utilisation(owned), by_tariff(owned)
    assert by_use[Fraction(1, 2)] == by_price[exact("0.15")] == owned.usd_per_million_tokens_range()
    assert [low for low, _ in by_use.values()] == sorted((low for low, _ in by_use.values()), reverse=True)
    assert [low for low, _ in by_price.values()] == sorted(low for low, _ in by_price.values())
    assert by_tariff(use("0.55", 160, tokens_per_second=Fraction(2550))) == {}
    nobody_knows = HourlyCost(owned=replace(OWNED, watts=Fraction(0)))
    assert by_tariff(replace(owned, cost=nobody_knows)) == {}


@pytest.mark.parametrize("hours", [0, -1, 745])
def test_no_month_has_such_hours(hours: int) -> None:
    """Zero, negative, or more than 31 days have."""
    with pytest.raises(BadInputError, match="hours"):
        use("1", hours)


def test_buying_pays_after_4145_hours() -> None:
    """2,000 / (0.55 - 0.0675) hours of work: 25.9 months of 160, in January of the third year."""
    found = break_even(OWNED, exact("0.55"), Fraction(160))
    assert found.hours is not None
    assert round(float(found.hours)) == 4145
    assert found.on(date(2026, 11, 22)) == date(2029, 1, 18)
    assert found.within_lifetime


def test_buying_never_pays_where_running_costs_more_than_rent() -> None:
    """No hours, no date, and it says so."""
    found = break_even(OWNED, exact("0.05"), Fraction(160))
    assert (found.hours, found.months, found.on(date(2026, 11, 22)), found.within_lifetime) == (
        None,
        None,
        None,
        False,
    )


@given(rates, st.integers(1, 730), st.integers(1, 16))
def test_at_break_even_both_have_cost_the_same(rent: Fraction, hours: int, gpus: int) -> None:
    """Rent paid by then is the purchase and what running cost, for any number of GPUs."""
    found = break_even(OWNED, rent, Fraction(hours), gpus)
    if found.months is not None:
        paid = found.rent_usd_per_month * found.months
        assert paid == found.purchase_usd + found.own_usd_per_month * found.months
        assert found.hours == break_even(OWNED, rent, Fraction(hours)).hours


@pytest.mark.parametrize(
    ("minimum", "step", "billed"), [(0, None, 10), (24, None, 24), (0, 4, 12), (24, 5, 25), (5, 5, 10)]
)
def test_rent_is_charged_for_billed_hours_and_tokens_come_from_worked_ones(
    minimum: int, step: int | None, billed: int
) -> None:
    """10 hours under a minimum and a billing step."""
    by = None if step is None else Fraction(step)
    found = use("2", 10, minimum_hours=Fraction(minimum), billed_by_hours=by, tokens_per_second=Fraction(1))
    assert found.usd() == 2 * billed
    assert found.usd_range() == (2 * billed, 2 * billed)
    assert found.tokens == 36_000


def test_billing_terms_of_an_owned_gpu_and_beyond_a_month_are_refused() -> None:
    """One line each."""
    with pytest.raises(BadInputError, match="at most 744"):
        use("2", 700, billed_by_hours=Fraction(500))
    with pytest.raises(BadInputError, match="terms of rent"):
        Use("a GPU", HourlyCost(1, owned=OWNED), Fraction(10), minimum_hours=Fraction(5))


def test_a_month_of_31_days_is_the_longest() -> None:
    """To the hour, worked or billed; and the name of several GPUs says how many."""
    longest = use("2", 744)
    assert (longest.usd(), longest.billed_hours, longest.name) == (1488, 744, "a GPU")
    assert use("2", 700, billed_by_hours=Fraction(744)).usd() == 1488
    assert use("2", 700, minimum_hours=Fraction(744)).billed_hours == 744
    assert Use("a GPU", rented("2", 8), Fraction(1)).name == "8x a GPU"
    for terms, says in (
        ({"minimum_hours": Fraction(745)}, "745 billed hours"),
        ({"billed_by_hours": Fraction(373)}, "746"),
    ):
        with pytest.raises(BadInputError, match=says):
            use("2", 374, **terms)
    with pytest.raises(BadInputError, match="terms of rent"):
        Use("a GPU", HourlyCost(1, owned=OWNED), Fraction(10), billed_by_hours=Fraction(5))


def test_an_owned_month_has_a_charge_for_each_term_that_costs() -> None:
    """Depreciation and overhead for 730 hours, electricity for those switched on; what is not stated is no line."""
    owned = replace(OWNED, overhead_usd_per_month=Fraction(73))
    charges = Use("4090", HourlyCost(2, owned=owned), Fraction(100)).charges()
    assert [(each.component, each.hours, written(each.usd, 2)) for each in charges] == [
        ("depreciation", 730, "111.11"),
        ("electricity", 100, "13.50"),
        ("overhead", 730, "73.00"),
    ]
    bare = Use("4090", HourlyCost(2, owned=replace(OWNED, usd_per_kwh=None)), Fraction(100))
    assert [each.component for each in bare.charges()] == ["depreciation"]
    (rent,) = use("2", 10, minimum_hours=Fraction(24)).charges()
    assert (rent.component, rent.usd_per_hour, rent.hours) == ("rental", 2, 24)


def test_a_use_has_a_price_per_million_tokens_of_its_own() -> None:
    """36 USD for 3.6 million tokens, in 100 hours of which one in ten is work; exact as printed where it is rented."""
    found = use("0.36", 100, tokens_per_second=Fraction(100), utilisation=Fraction(1, 10))
    assert found.tokens == 3_600_000
    assert found.usd_per_million_tokens() == 10
    assert found.usd_per_million_tokens_range() == (10, 10)
    unknown = use("0.36", 100)
    assert (unknown.tokens, unknown.usd_per_million_tokens()) == (None, None)
    assert unknown.usd_per_million_tokens_range() is None


def test_a_plan_is_priced_by_what_serves() -> None:
    """Two uses of 36 USD and 3.6 million tokens each; a training adds to neither, and nothing served has no price."""
    serving = use("0.36", 100, tokens_per_second=Fraction(10))
    training = use("5", 10, purpose="training", tokens_per_second=Fraction(10))
    plan = MonthlyPlan("p", (serving, serving, training))
    assert (plan.usd(), plan.usd_for("serving"), plan.usd_for("training")) == (122, 72, 50)
    assert (plan.served_tokens(), plan.usd_per_million_tokens()) == (7_200_000, 10)
    alone = MonthlyPlan("p", (training,))
    assert (alone.served_tokens(), alone.usd_per_million_tokens()) == (None, None)


def test_a_saving_is_a_share_of_the_other_plan() -> None:
    """Negative for a dearer one, and none of what costs nothing."""
    assert (saving(Fraction(1), Fraction(4)), saving(Fraction(5), Fraction(4))) == (
        Fraction(3, 4),
        Fraction(-1, 4),
    )
    assert saving(Fraction(1), Fraction(0)) is None
