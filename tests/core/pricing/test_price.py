"""The price as a value."""

from __future__ import annotations

import math

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.price import Electricity, Price, node_price, owned_price, rental_price


def test_rent_is_charged_for_every_gpu() -> None:
    """Eight GPUs at 3.84 USD cost 30.72 USD an hour, all of it rental."""
    price = rental_price(usd_per_gpu_hour=3.84, gpus=8, source="flag")
    assert price.usd_per_hour_by_component == {"rental": pytest.approx(30.72)}
    assert price.electricity is None


def test_a_share_of_the_gpu_is_a_share_of_its_rent() -> None:
    """A seventh of a GPU costs a seventh, and the price says so."""
    price = rental_price(
        usd_per_gpu_hour=3.5, gpus=1, source="flag", gpu_share=1 / 7, share_basis="mig_memory"
    )
    assert price.rental_usd_per_hour == pytest.approx(0.5)
    assert (price.gpu_share, price.share_basis) == (pytest.approx(1 / 7), "mig_memory")


def test_a_node_price_is_not_multiplied() -> None:
    """The price of the machine is the price of the machine."""
    assert node_price(usd_per_hour=30.75, source="flag").rental_usd_per_hour == 30.75


def test_owned_gpu_of_the_article() -> None:
    """2,000 USD over 3 years is 0.076 USD/h; 450 W at 0.15 USD/kWh is 0.068; together 0.144, or 0.016 USD/M at 2,550
    tokens/s (the article's figures, printed digits)."""
    price = owned_price(purchase_usd=2000, lifetime_years=3, usd_per_kwh=0.15, gpus=1, source="flag")
    assert price.electricity is not None
    electricity = price.electricity.usd(450 * 3600, hour_of_day=0)
    assert f"{price.depreciation_usd_per_hour:.3f}" == "0.076"
    assert f"{electricity:.4f}" == "0.0675"  # printed as 0.068 there
    together = price.depreciation_usd_per_hour + electricity
    assert f"{together:.3f}" == "0.144"
    assert f"{together / (2550 * 3600) * 1e6:.3f}" == "0.016"


def test_owned_terms_all_count() -> None:
    """Residual value lowers depreciation, the overhead is for the server, PUE multiplies the joules."""
    price = owned_price(
        purchase_usd=30_000,
        residual_usd=3720,
        lifetime_years=3,
        usd_per_kwh=0.10,
        pue=1.5,
        overhead_usd_per_month=730,
        gpus=2,
        source="file",
    )
    assert price.usd_per_hour_by_component == {
        "depreciation": pytest.approx(2.0),
        "overhead": pytest.approx(1.0),
    }
    assert price.electricity == Electricity((0.10,), 1.5)
    assert price.electricity.usd(3_600_000, 5) == pytest.approx(0.15)


def test_the_tariff_follows_the_hour() -> None:
    """A day table charges each hour at its own price."""
    electricity = Electricity(tuple(float(hour) for hour in range(24)))
    assert [electricity.usd(3_600_000, hour) for hour in (0, 7, 23)] == [0, 7, 23]


def test_no_tariff_is_no_electricity() -> None:
    """Without a price of electricity the component is absent, not zero."""
    price = owned_price(purchase_usd=1, lifetime_years=1, usd_per_kwh=None, gpus=1, source="flag")
    assert price.electricity is None


@pytest.mark.parametrize("rate", [-1, math.nan, math.inf, True, "3"])
def test_a_rate_that_cannot_be_meant_is_refused(rate: float) -> None:
    """Negative, infinite, not a number: one clear line."""
    with pytest.raises(BadInputError, match="give a number of 0 or more"):
        rental_price(usd_per_gpu_hour=rate, gpus=1, source="flag")


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({"residual_usd": 3000}, "exceeds the purchase price"),
        ({"lifetime_years": 0}, "lifetime of 0 years"),
        ({"pue": 0.9}, "at least 1"),
        ({"usd_per_kwh": [0.1] * 23}, "23 tariffs"),
        ({"gpu_share": 0}, "GPU share"),
        ({"gpu_share": 1.5}, "GPU share"),
        ({"gpus": 0}, "0 GPUs"),
    ],
)
def test_owned_terms_that_cannot_be_meant_are_refused(terms: dict[str, object], says: str) -> None:
    """Each wrong term is named."""
    good: dict[str, object] = {
        "purchase_usd": 2000,
        "lifetime_years": 3,
        "usd_per_kwh": 0.1,
        "gpus": 1,
        "source": "flag",
    }
    with pytest.raises(BadInputError, match=says):
        owned_price(**(good | terms))  # type: ignore[arg-type]


def test_terms_that_are_not_stated_change_no_price() -> None:
    """No residual value, overhead or building; a whole GPU, at a price without a date."""
    price = owned_price(purchase_usd=26_280, lifetime_years=3, usd_per_kwh=0.25, gpus=1, source="flag")
    assert price == Price("owned", "flag", depreciation_usd_per_hour=1.0, electricity=Electricity((0.25,)))
    assert (price.as_of, price.gpu_share, price.share_basis) == ("", 1.0, "")
    assert price.usd_per_hour_by_component == {"depreciation": 1.0, "overhead": 0.0}
    assert Electricity((0.25,)).usd(3_600_000, 0) == 0.25
    assert rental_price(usd_per_gpu_hour=2, gpus=1, source="flag") == Price(
        "rental", "flag", rental_usd_per_hour=2.0
    )
    assert node_price(usd_per_hour=2, source="flag") == Price("rental", "flag", rental_usd_per_hour=2.0)


def test_a_share_of_what_is_owned_is_a_share_of_every_component() -> None:
    """A quarter of two GPUs and of their server's overhead; what is metered is not divided here."""
    price = owned_price(
        purchase_usd=26_280,
        lifetime_years=3,
        usd_per_kwh=[0.25],
        overhead_usd_per_month=730,
        gpus=2,
        source="file",
        as_of="2026-11",
        gpu_share=0.25,
        share_basis="stated",
    )
    assert price.usd_per_hour_by_component == {"depreciation": 0.5, "overhead": 0.25}
    assert (price.gpu_share, price.share_basis, price.as_of) == (0.25, "stated", "2026-11")
    assert price.electricity == Electricity((0.25,))
    node = node_price(usd_per_hour=8, source="file", gpu_share=0.25, share_basis="stated", as_of="2026-11")
    assert node == Price(
        "rental", "file", "2026-11", rental_usd_per_hour=2.0, gpu_share=0.25, share_basis="stated"
    )


def test_an_hour_of_the_day_has_its_tariff() -> None:
    """One for each of 24, or the same for all."""
    price = owned_price(
        purchase_usd=0, lifetime_years=1, usd_per_kwh=[hour / 10 for hour in range(24)], gpus=1, source="flag"
    )
    assert price.electricity is not None
    assert price.electricity.usd(3_600_000, 23) == pytest.approx(2.3)
    free = owned_price(purchase_usd=0, lifetime_years=1, usd_per_kwh=0, gpus=1, source="flag")
    assert free.electricity == Electricity((0.0,))


@pytest.mark.parametrize("tariffs", [[], [0.1] * 2, [0.1] * 25])
def test_a_day_has_one_tariff_or_24(tariffs: list[float]) -> None:
    with pytest.raises(BadInputError, match=f"^{len(tariffs)} tariffs; give one for the whole day or 24"):
        owned_price(purchase_usd=0, lifetime_years=1, usd_per_kwh=tariffs, gpus=1, source="flag")


def test_nothing_is_a_price_and_a_typing_error_is_none() -> None:
    """A GPU may cost 0 USD; 1e30 is named with its limits."""
    assert rental_price(usd_per_gpu_hour=0, gpus=1, source="flag").rental_usd_per_hour == 0
    with pytest.raises(BadInputError, match=r"a price per hour of 1e\+30: beyond 1e18"):
        node_price(usd_per_hour=1e30, source="flag")
    with pytest.raises(BadInputError, match=r"a tariff per kWh of -0\.1; give a number of 0 or more"):
        owned_price(purchase_usd=0, lifetime_years=1, usd_per_kwh=-0.1, gpus=1, source="flag")
