"""What the work done would have cost at the limit of the GPU."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter import GENERIC_CPU, GpuRates, Meter, MeterReading, ModelWork, PhaseSplit
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.pricing.price import owned_price, rental_price

MODEL = ModelWork(active_parameters=8_000_000_000, weight_bytes=16_000_000_000, kv_bytes_per_token=0)
CARD = GpuRates(160e12, 1e12, fastest_flops_per_second=320e12)
DONE = EngineTotals(
    0,
    StepCounts(
        prompt_computed_tokens=10_000, generated_tokens=510, prefilled_requests=10, steps=55, decode_steps=50
    ),
    active_seconds=10.0,
)
"""At the limit: 1 s of computing prompts, 0.05 s of computing 500 more tokens; 55 readings of 16 GB, 0.88 s."""


def after(model: ModelWork = MODEL, rates: GpuRates = CARD, gpus: int = 1) -> MeterReading:
    """The reading 20 s after the start, of which 10 were busy."""
    meter = Meter(
        engine_indexes=[0],
        gpus_per_engine=gpus,
        price=rental_price(usd_per_gpu_hour=3.6, gpus=gpus, source="flag"),
        split=PhaseSplit(model, rates),
    )
    meter.advance(0.0, [EngineTotals(0)])
    return meter.advance(20.0, [DONE])


def test_the_floor_is_the_work_at_the_limiting_resource() -> None:
    """1.05 GPU seconds at 3.60 USD an hour over 510 generated tokens; idle time and slowness are not in it, nor the
    readings, which a step that computes prompts does meanwhile."""
    reading = after()
    assert reading.floor_usd_per_token["generated", "total"] == pytest.approx(1.05 * 0.001 / 510)
    assert reading.floor_usd_per_token["all", "1m"] == pytest.approx(1.05 * 0.001 / 10_510)
    assert reading.usd_per_token["generated", "total"] == pytest.approx(20 * 0.001 / 510)


def test_prompts_reported_later_do_not_raise_the_floor() -> None:
    """Reading in one tick and the computing of the same steps in the next: the limit is one for both."""
    meter = Meter(
        engine_indexes=[0],
        gpus_per_engine=1,
        price=rental_price(usd_per_gpu_hour=3.6, gpus=1, source="flag"),
        split=PhaseSplit(MODEL, CARD),
    )
    meter.advance(0.0, [EngineTotals(0)])
    before = replace(
        DONE,
        counts=replace(DONE.counts, prompt_computed_tokens=0, prefilled_requests=0, generated_tokens=500),
    )
    meter.advance(10.0, [before])
    reading = meter.advance(20.0, [DONE])
    assert reading.floor_usd_per_token["generated", "total"] == pytest.approx(1.05 * 0.001 / 510)


def test_the_floor_does_not_depend_on_the_number_of_gpus() -> None:
    """Two GPUs do the same GPU seconds of work."""
    assert after(gpus=2).floor_usd_per_token == pytest.approx(after().floor_usd_per_token)


def test_a_quantized_model_may_run_at_the_gpus_fastest_rate() -> None:
    """FP8 matrices halve the computing: a floor that assumed 16 bits would lie above what the server reaches."""
    reading = after(replace(MODEL, is_quantized=True))
    assert reading.floor_usd_per_token["generated", "total"] == pytest.approx(0.88 * 0.001 / 510)


def test_an_assumed_gpu_has_no_floor() -> None:
    """A ratio typical of CPUs is no limit of this one."""
    assert after(rates=GENERIC_CPU).floor_usd_per_token == {}


def test_the_floor_of_an_owned_server_has_its_electricity() -> None:
    """Two engines of one GPU: each costs a dollar an hour to own and draws a kilowatt at a dollar a kWh."""
    price = owned_price(purchase_usd=26_280, lifetime_years=3, usd_per_kwh=1.0, gpus=2, source="file")
    meter = Meter(engine_indexes=[0, 1], gpus_per_engine=1, price=price, split=PhaseSplit(MODEL, CARD))
    for now, engine in ((0.0, EngineTotals(0)), (20.0, DONE)):
        read = (GpuReading(str(i), i, f"GPU-{i}", "H100", energy_joules=1000 * now) for i in range(2))
        reading = meter.advance(now, [engine, EngineTotals(1)], GpuReadings(True, tuple(read), now))
    assert reading.electricity_usd_per_hour == pytest.approx(2.0)
    assert reading.floor_usd_per_token["generated", "total"] == pytest.approx(1.05 * 2 / 3600 / 510)
