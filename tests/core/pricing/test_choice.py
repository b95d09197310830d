"""Which price a server is charged at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vllm_costmeter.core.gpu.reading import GpuReading, SliceShare
from vllm_costmeter.core.gpu.share import GpuShare, server_share
from vllm_costmeter.core.pricing.choice import choose_price
from vllm_costmeter.core.pricing.price import Electricity
from vllm_costmeter.core.pricing.quote import RentalQuote
from vllm_costmeter.core.settings.table import Settings

CATALOGUE = RentalQuote("H100 SXM", "a provider", "on-demand", 3.84, "2026-05-25", "an article")


def test_the_operators_price_goes_before_the_catalogues() -> None:
    """A price that somebody named is charged, times the server's GPUs, and says where it came from."""
    price = choose_price(Settings(gpu_hourly_usd=2.0, price_source="environment"), 4, CATALOGUE)
    assert price is not None
    assert price.usd_per_hour_by_component == {"rental": 8.0}
    assert (price.basis, price.source, price.as_of) == ("rental", "environment", "")


def test_a_node_price_is_not_multiplied() -> None:
    """The rent of a whole server is the rent of all its GPUs."""
    price = choose_price(Settings(node_hourly_usd=30.75, price_source="flag"), 8, None)
    assert price is not None
    assert price.usd_per_hour_by_component == {"rental": 30.75}


def test_the_catalogues_price_is_dated() -> None:
    """With no price named, the catalogue's row is used and the metric carries its provider and date."""
    price = choose_price(Settings(), 2, CATALOGUE)
    assert price is not None
    assert price.usd_per_hour_by_component == {"rental": 7.68}
    assert (price.source, price.as_of) == ("catalogue: a provider", "2026-05-25")


def test_no_price_is_none() -> None:
    """An unknown GPU without a price has no dollars, not zero dollars."""
    assert choose_price(Settings(), 1, None) is None


def test_an_owned_gpu_without_a_tariff_has_no_electricity() -> None:
    """What electricity costs is unknown until somebody says so: it is no part of the bill then, not a part of 0."""
    price = choose_price(Settings(purchase_usd=2000, price_source="file"), 1, None)
    assert price is not None
    assert price.electricity is None
    assert round(price.usd_per_hour_by_component["depreciation"], 3) == 0.076  # $2,000 over 3 years


HALF = GpuShare(0.5, "stated")


@pytest.mark.parametrize(
    ("settings", "components", "source", "as_of"),
    [
        ({"gpu_hourly_usd": 2.0}, {"rental": 4.0}, "flag", ""),
        ({"gpu_hourly_usd": 2.0, "node_hourly_usd": 9.0, "purchase_usd": 9.0}, {"rental": 4.0}, "flag", ""),
        ({"gpu_hourly_usd": 0.0, "node_hourly_usd": 9.0}, {"rental": 0.0}, "flag", ""),
        ({"node_hourly_usd": 9.0, "purchase_usd": 9.0}, {"rental": 4.5}, "flag", ""),
        ({"node_hourly_usd": 0.0, "purchase_usd": 9.0}, {"rental": 0.0}, "flag", ""),
        (
            {
                "purchase_usd": 30_000.0,
                "residual_usd": 3720.0,
                "lifetime_years": 6.0,
                "overhead_usd_per_month": 2920.0,
            },
            {"depreciation": 1.0, "overhead": 2.0},
            "flag",
            "",
        ),
        ({"price_source": None}, {"rental": 7.68}, "catalogue: a provider", "2026-05-25"),
    ],
)
def test_each_price_is_of_the_part_of_four_gpus_that_the_server_uses(
    settings: dict[str, float], components: dict[str, float], source: str, as_of: str
) -> None:
    """Half of them: per GPU, per node, owned or from the catalogue, in this order, though a price is 0."""
    known: dict[str, Any] = {"price_source": "flag"} | settings
    price = choose_price(Settings(**known), 4, CATALOGUE, HALF)
    assert price is not None
    assert price.usd_per_hour_by_component == pytest.approx(components)
    assert (price.source, price.as_of, price.gpu_share, price.share_basis) == (source, as_of, 0.5, "stated")


def test_a_tariff_by_the_hour_goes_before_one_for_the_day() -> None:
    """And the building's share counts with either."""
    day = Settings(purchase_usd=1.0, electricity_usd_per_kwh=0.25, pue=1.5)
    hours = tuple(float(hour) for hour in range(24))
    for settings, tariffs in ((day, (0.25,)), (replace(day, electricity_tariff=hours), hours)):
        price = choose_price(settings, 1, None)
        assert price is not None
        assert price.electricity == Electricity(tariffs, 1.5)


def gpu(part: SliceShare | None) -> GpuReading:
    return GpuReading("0", 0, "GPU-0", "NVIDIA H100 80GB HBM3", slice=part)


def test_a_mig_slice_pays_its_part() -> None:
    """A seventh of a GPU pays a seventh by compute, or what it holds of the memory, and says which."""
    part = SliceShare(memory_bytes=10, gpu_memory_bytes=80, compute_slices=1)
    assert server_share([gpu(part)], "compute", 1.0, 7) == (1 / 7, "mig_compute")
    assert server_share([gpu(part)], "memory", 0.5, 7) == (0.0625, "mig_memory x stated")
    assert server_share([gpu(None)], "memory", 1.0, 7) == (1.0, "")
    price = choose_price(
        Settings(gpu_hourly_usd=7.0, price_source="flag"),
        1,
        None,
        server_share([gpu(part)], "compute", 1.0, 7),
    )
    assert price is not None
    assert round(price.usd_per_hour_by_component["rental"], 9) == 1.0


def test_a_slice_of_unknown_size_is_not_passed_off_as_a_gpu() -> None:
    """The driver does not tell its part: the whole GPU is charged, and the price says that it is not known."""
    silent = SliceShare(memory_bytes=None, gpu_memory_bytes=None, compute_slices=1)
    assert server_share([gpu(silent)], "memory", 1.0, 7) == (1.0, "mig_unknown")
    assert server_share([gpu(silent)], "memory", 0.5, 7) == (0.5, "mig_unknown x stated")
