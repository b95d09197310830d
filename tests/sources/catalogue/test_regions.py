"""Electricity by region."""

from __future__ import annotations

import pytest

from vllm_costmeter.cli.main import main
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.quote import first_day
from vllm_costmeter.sources.catalogue.regions import find_region, regions


def test_every_row_is_dated_and_says_its_source() -> None:
    """A tariff, a carbon intensity, or both; names are told apart."""
    rows = regions()
    assert len({row.name for row in rows}) == len(rows) > 20
    for row in rows:
        assert first_day(row.as_of)
        assert row.source
        assert row.usd_per_kwh or row.gco2e_per_kwh


def test_an_unknown_region_names_the_nearest() -> None:
    """One line."""
    with pytest.raises(BadInputError, match="nearest: France"):
        find_region("Francia")


def test_a_region_stands_for_its_tariff_and_its_carbon(capsys: pytest.CaptureFixture[str]) -> None:
    """450 W at 0.1914 USD per kWh; 56 g per kWh over 9.18 million tokens an hour."""
    rate = ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "2550"]
    assert main([*rate, "--purchase-usd", "2000", "--region", "US New York"]) == 0
    assert "electricity       0.086" in capsys.readouterr().out
    assert main([*rate, "--region", "France"]) == 0
    assert "2.75 g CO2e per million tokens" in capsys.readouterr().out
    assert main([*rate, "--purchase-usd", "2000", "--region", "France"]) == 0
    assert "Electricity is not included" in capsys.readouterr().out
