"""Dollars and grams of a tick's energy."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter.electricity.bill import EnergyBill
from vllm_costmeter.core.pricing.price import Electricity

KWH = 3.6e6
TARIFF = Electricity((0.25, 0.5), pue=1.25)
"""25 cents in even hours, 50 in odd ones; the building adds a quarter."""


def bill_of(
    electricity: Electricity | None = TARIFF,
    grams: float | None = 400.0,
    tdp: float | None = None,
    *,
    share: float = 1.0,
    each: int = 2,
) -> EnergyBill:
    """A server of two engines on two GPUs each, or of one on one."""
    return EnergyBill(
        engines=each,
        gpus_per_engine=each,
        electricity=electricity,
        gpu_share=share,
        grid_gco2e_per_kwh=grams,
        tdp_watts=tdp,
    )


def drawn(bill: EnergyBill, *kwh: float) -> EnergyBill:
    """An hour in which each GPU's counter grew by so much."""
    for now, elapsed, grown in ((1.0, 0.0, 0.0), (3601.0, 3600.0, 1.0)):
        gpus = tuple(
            GpuReading(str(index), index, f"GPU-{index}", "RTX 4090", energy_joules=of * KWH * grown)
            for index, of in enumerate(kwh)
        )
        bill.advance(elapsed, GpuReadings(True, gpus, now))
    return bill


def test_carbon_without_a_tariff_is_of_the_gpus_alone() -> None:
    """Nobody said how much the building adds: 1 kWh at 400 g/kWh is 400 g."""
    bill = drawn(bill_of(electricity=None, each=1), 1.0)
    assert bill.carbon_grams() == pytest.approx(400.0)
    assert bill.engine_usd(0, 12) is None
    assert bill.usd_per_hour(12) is None


def test_an_engine_pays_for_its_own_gpus() -> None:
    """1 + 2 kWh and 3 + 4 kWh, half of each charged: 1.5 and 3.5 kWh, times 1.25 for the building."""
    bill = drawn(bill_of(share=0.5), 1.0, 2.0, 3.0, 4.0)
    assert [bill.engine_joules(engine) for engine in (0, 1)] == [1.5 * KWH, 3.5 * KWH]
    assert [bill.engine_usd(engine, 12) for engine in (0, 1)] == pytest.approx([0.46875, 1.09375])
    assert bill.engine_usd(0, 13) == pytest.approx(0.9375)
    assert bill.usd_per_hour(12) == pytest.approx(5 * 1.25 * 0.25)
    assert bill.carbon_grams() == pytest.approx(5 * 1.25 * 400)
    assert bill.measured_joules() == {str(gpu): (gpu + 1) * KWH for gpu in range(4)}


def test_engines_share_equally_what_cannot_be_told_apart() -> None:
    """One GPU of four in sight drew 1 kWh; the three others are rated at 1 kW, an estimate that is money and carbon
    and no measurement."""
    bill = drawn(bill_of(share=0.5, tdp=1000.0), 1.0)
    assert [bill.engine_usd(engine, 12) for engine in (0, 1)] == [pytest.approx(1.0 * 1.25 * 0.25)] * 2
    assert [bill.engine_joules(engine) for engine in (0, 1)] == [0.25 * KWH] * 2
    assert bill.carbon_grams() == pytest.approx(4 * 0.5 * 1.25 * 400)
    assert bill.usd_per_hour(12) == pytest.approx(4 * 0.5 * 1.25 * 0.25)
    assert bill.sources() == {"0": "counter", "unseen": "tdp"}


@pytest.mark.parametrize(
    ("electricity", "grams", "charged"),
    [(TARIFF, None, True), (None, 400.0, True), (TARIFF, 400.0, True), (None, None, False)],
)
def test_a_source_and_a_problem_are_named_where_energy_is_charged(
    electricity: Electricity | None, grams: float | None, charged: bool
) -> None:
    """In dollars or in grams. Otherwise energy is measured all the same, and rated power is of no use."""
    bill = drawn(bill_of(electricity, grams), 1.0)
    assert bill.is_charged is charged
    assert (bill.sources(), bill.problem()) == (
        ({"0": "counter"}, "no_rated_power") if charged else ({}, None)
    )
    assert bill.measured_joules() == {"0": KWH}
    rated = drawn(bill_of(electricity, grams, tdp=1000.0))
    assert (rated.sources(), rated.problem()) == ({"unseen": "tdp"} if charged else {}, None)


def test_nothing_is_charged_before_anything_is_known() -> None:
    """No reading and no rated power: no figure. Rated power alone: none before the first tick, then an estimate."""
    unknown = drawn(bill_of())
    assert (unknown.engine_usd(0, 12), unknown.carbon_grams(), unknown.usd_per_hour(12)) == (None, None, None)
    rated = bill_of(tdp=1000.0)
    assert (rated.engine_usd(0, 12), rated.carbon_grams(), rated.engine_joules(0)) == (0.0, 0.0, None)
    assert drawn(rated).engine_usd(0, 12) == pytest.approx(2 * 1.25 * 0.25)
    assert rated.engine_joules(0) is None
    assert drawn(bill_of(grams=None), 1.0).carbon_grams() is None
