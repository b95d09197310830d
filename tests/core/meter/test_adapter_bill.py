"""LoRA adapters in the meter: a part of the active bill, over all engines."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.meter import Meter
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.pricing.price import rental_price


def test_adapters_take_their_part_of_the_active_bill() -> None:
    """Two engines at a dollar a second each: an adapter had half of one and a quarter of the other."""
    price = rental_price(usd_per_gpu_hour=3600, gpus=2, source="flag")
    meter = Meter(engine_indexes=[0, 1], gpus_per_engine=1, price=price)
    meter.advance(0.0, [EngineTotals(0), EngineTotals(1)])
    seen = [
        EngineTotals(index, StepCounts(steps=1), active_seconds=8.0, adapter_seconds={"german": share * 8.0})
        for index, share in ((0, 0.5), (1, 0.25))
    ]
    reading = meter.advance(10.0, seen)
    assert reading.adapter_cost_usd == {"german": pytest.approx(6.0)}
    assert reading.cost_usd["active", "rental"] == pytest.approx(16.0)


def test_without_a_price_or_an_adapter_there_is_nothing() -> None:
    """No sample rather than 0."""
    for price in (None, rental_price(usd_per_gpu_hour=1, gpus=1, source="flag")):
        meter = Meter(engine_indexes=[0], gpus_per_engine=1, price=price)
        meter.advance(0.0, [EngineTotals(0)])
        assert (
            meter.advance(5.0, [EngineTotals(0, StepCounts(steps=1), active_seconds=5.0)]).adapter_cost_usd
            == {}
        )
