"""Laws of the bill: for any schedule, and over a long time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_meters import LLAMA_8B, RTX_4090, cost, meter_at, phase_cost
from hypothesis import given, settings
from hypothesis import strategies as st

from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter import Meter, PhaseSplit, RequestWork
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.pricing.price import owned_price, rental_price

Second = st.tuples(
    st.floats(-3, 30),  # clock
    st.floats(0, 40),  # active seconds the hook claims
    st.floats(0, 10),  # asleep
    st.integers(0, 5000),  # prompt computed
    st.integers(0, 5000),  # generated
    st.integers(0, 20),  # prefilled
    st.integers(0, 50),  # steps
    st.integers(0, 1),  # engine
    st.floats(0, 1e5),  # joules
    st.sampled_from(["counter", "power", "both", "neither", "away"]),  # what the driver tells
    st.integers(0, 3),  # requests that end, each with a third of the tokens of this second
)


@settings(max_examples=60, deadline=None)
@given(st.lists(Second, max_size=40), st.booleans())
def test_the_bill_adds_up(seconds: list[Any], owned: bool) -> None:
    """For any schedule of ticks, states, tokens, joules and gaps in them: states = components = price x time, phases =
    active cost, and no counter ever decreases."""
    price = (
        owned_price(
            purchase_usd=20_000,
            lifetime_years=3,
            usd_per_kwh=0.2,
            overhead_usd_per_month=50,
            gpus=4,
            source="file",
        )
        if owned
        else rental_price(usd_per_gpu_hour=2.5, gpus=4, source="flag")
    )
    meter = Meter(engine_indexes=[0, 1], gpus_per_engine=2, price=price, split=PhaseSplit(LLAMA_8B, RTX_4090))
    engines = [EngineTotals(0), EngineTotals(1)]
    now, latest, joules = 500.0, 500.0, 0.0
    before = meter.advance(now, engines)
    for clock, active, asleep, computed, generated, prefilled, steps, index, drawn, told, ending in seconds:
        now += clock
        latest = max(latest, now)
        joules += drawn
        old = engines[int(index)]
        engines[int(index)] = replace(
            old,
            active_seconds=old.active_seconds + active,
            asleep_seconds=old.asleep_seconds + asleep,
            counts=old.counts
            + StepCounts(
                prompt_computed_tokens=computed,
                generated_tokens=generated,
                prefilled_requests=min(prefilled, generated),
                steps=steps,
                decode_steps=steps // 2,
            ),
        )
        gpu = GpuReading(
            "0",
            0,
            "GPU-1",
            "H100",
            energy_joules=joules if told in ("counter", "both") else None,
            power_watts=drawn / 100 if told in ("power", "both") else None,
        )
        gpus = GpuReadings(True, () if told == "away" else (gpu,), now)
        ended = [RequestWork(computed // 3, 7, generated // 3)] * ending
        reading = meter.advance(now, engines, gpus, ended=ended)
        hours = (latest - 500.0) / 3600
        electricity = sum(usd for (_, of), usd in reading.cost_usd.items() if of == "electricity")
        fixed = sum(price.usd_per_hour_by_component.values()) * hours
        assert cost(reading) - electricity == pytest.approx(fixed, rel=1e-9, abs=1e-12)
        assert sum(reading.gpu_seconds.values()) == pytest.approx(4 * 3600 * hours, rel=1e-9, abs=1e-9)
        assert phase_cost(reading) == pytest.approx(cost(reading, "active"), rel=1e-9, abs=1e-12)
        assert reading.request_usd is not None
        assert reading.unattributed_usd is not None
        assert reading.request_usd.sum + reading.unattributed_usd == pytest.approx(
            cost(reading, "active"), rel=1e-9, abs=1e-12
        )
        assert reading.unexplained_usd == pytest.approx(0, abs=1e-9 * max(1.0, cost(reading)))
        for counters in ("cost_usd", "phase_cost_usd", "gpu_seconds", "tokens"):
            earlier = getattr(before, counters)
            assert all(value >= earlier.get(key, 0) for key, value in getattr(reading, counters).items())
        before = reading


@pytest.mark.heavy  # two seconds
def test_a_simulated_week_is_exact() -> None:
    """604,800 seconds of load by day and silence by night cost what the price says, to a millionth of a cent; the
    windows hold no more at the end than after an hour."""
    meter = meter_at(0.55)
    totals = EngineTotals(0)
    sizes = []
    for tick in range(7 * 24 * 60 + 1):
        second = tick * 60
        if (second // 3600) % 24 < 12:
            totals = replace(
                totals,
                counts=totals.counts + StepCounts(generated_tokens=6000, steps=600, decode_steps=600),
                active_seconds=totals.active_seconds + 60,
            )
        reading = meter.advance(float(second), [totals])
        if second in (3600, 7 * 24 * 3600):
            sizes.append(meter.remembered_moments)
    assert cost(reading) == pytest.approx(0.55 * 168, abs=1e-8)
    assert phase_cost(reading) == pytest.approx(cost(reading, "active"), abs=1e-8)
    assert sizes[1] <= sizes[0]
