"""Dollars and grams of a tick's energy."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter.electricity.bill import EnergyBill


def test_carbon_without_a_tariff_is_of_the_gpus_alone() -> None:
    """Nobody said how much the building adds: 1 kWh at 400 g/kWh is 400 g."""
    bill = EnergyBill(
        engines=1,
        gpus_per_engine=1,
        electricity=None,
        gpu_share=1.0,
        grid_gco2e_per_kwh=400.0,
        tdp_watts=None,
    )
    for moment, joules in ((1.0, 5.0), (2.0, 3.6e6 + 5.0)):
        gpu = GpuReading("0", 0, "GPU-0", "RTX 4090", energy_joules=joules)
        bill.advance(1.0, GpuReadings(True, (gpu,), moment))
    assert bill.carbon_grams() == pytest.approx(400.0)
    assert bill.engine_usd(0, 12) is None
