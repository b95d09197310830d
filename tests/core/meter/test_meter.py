"""What a meter charges for scripted traffic."""

from __future__ import annotations

import pytest
from example_meters import LLAMA_8B, RTX_4090, cost, meter_at

from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter import Meter, PhaseSplit, RequestWork
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.pricing.price import node_price, owned_price


def test_an_idle_hour_costs_an_hour() -> None:
    """Nobody has to use the GPU for it to cost 0.55 USD, and all of it is idle money."""
    meter = meter_at(0.55)
    for second in range(3601):
        reading = meter.advance(1000.0 + second, [EngineTotals(0)])
    assert cost(reading) == pytest.approx(0.55, rel=1e-12)
    assert cost(reading, "idle") == pytest.approx(0.55, rel=1e-12)
    assert reading.gpu_seconds == {"active": 0.0, "idle": 3600.0, "asleep": 0.0}
    assert reading.usd_per_token == {}


def test_states_follow_the_engines_own_seconds() -> None:
    """Of 100 s, 30 active and 20 asleep are charged as such to the microsecond, and the rest is idle."""
    meter = meter_at(3.6)
    meter.advance(0.0, [EngineTotals(0)])
    reading = meter.advance(
        100.0, [EngineTotals(0, StepCounts(steps=9), active_seconds=30.0, asleep_seconds=20.0)]
    )
    assert {state: pytest.approx(usd) for (state, _), usd in reading.cost_usd.items()} == {
        "active": 0.03,
        "idle": 0.05,
        "asleep": 0.02,
    }


def test_every_engine_counts_with_its_gpus() -> None:
    """Two data-parallel engines of two GPUs: 4 GPU hours an hour; one busy engine is half of the active money."""
    meter = meter_at(1.0, engines=2, gpus_per_engine=2)
    idle = EngineTotals(1)
    meter.advance(0.0, [EngineTotals(0), idle])
    reading = meter.advance(3600.0, [EngineTotals(0, StepCounts(steps=1), active_seconds=3600.0), idle])
    assert reading.gpu_seconds == {"active": 7200.0, "idle": 7200.0, "asleep": 0.0}
    assert cost(reading, "active") == pytest.approx(2.0)
    assert cost(reading) == pytest.approx(4.0)


def test_an_engine_that_never_reported_is_charged_idle() -> None:
    """Its GPUs are rented all the same."""
    meter = meter_at(1.0, engines=2)
    meter.advance(0.0, [EngineTotals(0)])
    assert cost(meter.advance(3600.0, [EngineTotals(0)]), "idle") == pytest.approx(2.0)


def test_time_known_late_is_caught_up_without_exceeding_the_clock() -> None:
    """A step that ran for three seconds is known at its end: the following idle seconds are charged as active."""
    meter = meter_at(3600.0)
    for second in range(4):
        meter.advance(float(second), [EngineTotals(0)])
    busy = EngineTotals(0, StepCounts(steps=1), active_seconds=3.0)
    active = [cost(meter.advance(4.0 + tick, [busy]), "active") for tick in range(5)]
    assert active == pytest.approx([1.0, 2.0, 3.0, 3.0, 3.0])


def test_a_clock_that_steps_back_charges_nothing_twice() -> None:
    """Neither negative nor doubled money: time is charged again only once the clock has passed where it was."""
    meter = meter_at(3600.0)
    bills = [cost(meter.advance(now, [EngineTotals(0)])) for now in (100.0, 110.0, 50.0, 60.0, 110.0, 112.0)]
    assert bills == pytest.approx([0.0, 10.0, 10.0, 10.0, 10.0, 12.0])


def test_unit_prices_on_scripted_traffic() -> None:
    """At 3.60 USD/h, 600 prompt (200 of them cached) and 400 generated tokens a second cost what division says; active
    half of the time, the phases together cost half."""
    meter = meter_at(3.6)
    for second in range(121):
        reading = meter.advance(
            float(second),
            [
                EngineTotals(
                    0,
                    StepCounts(
                        prompt_computed_tokens=400 * second,
                        prompt_cached_tokens=200 * second,
                        generated_tokens=400 * second,
                        prefilled_requests=2 * second,
                        steps=20 * second,
                        decode_steps=18 * second,
                    ),
                    active_seconds=0.5 * second,
                )
            ],
        )
    per_second = 0.001
    for window in ("1m", "5m", "1h", "total"):
        assert reading.usd_per_token["all", window] == pytest.approx(per_second / 1000, rel=1e-9)
        assert reading.usd_per_token["generated", window] == pytest.approx(per_second / 400, rel=1e-9)
        phases = (
            reading.usd_per_token["prefill", window] * 400 + reading.usd_per_token["decode", window] * 400
        )
        assert phases == pytest.approx(per_second / 2, rel=1e-9)
    assert reading.tokens_per_second["prompt_cached", "1m"] == pytest.approx(200)
    assert reading.cached_savings_usd == pytest.approx(
        200 * 120 * reading.usd_per_token["prefill", "total"], rel=1e-6
    )


def test_no_token_in_the_window_is_no_unit_price() -> None:
    """A minute after the last token the minute has no price, while the hour still has."""
    meter = meter_at(1.0)
    meter.advance(0.0, [EngineTotals(0)])
    served = EngineTotals(
        0, StepCounts(prompt_computed_tokens=10, generated_tokens=5, prefilled_requests=1, steps=5)
    )
    for second in range(1, 120):
        reading = meter.advance(float(second), [served])
    windows = {window for _, window in reading.usd_per_token}
    assert windows == {"5m", "1h", "total"}
    assert reading.tokens_per_second["generated", "1m"] == 0


def test_one_token_answers_have_no_price_of_decoding() -> None:
    """Their token is prefill's work: nothing was decoded, so there is no such price rather than a price of 0."""
    meter = meter_at(1.0)
    meter.advance(0.0, [EngineTotals(0)])
    served = EngineTotals(
        0,
        StepCounts(
            prompt_computed_tokens=1000,
            prompt_cached_tokens=0,
            generated_tokens=10,
            prefilled_requests=10,
            steps=2,
        ),
        active_seconds=1.0,
    )
    reading = meter.advance(2.0, [served])
    assert {basis for basis, _ in reading.usd_per_token} == {"all", "generated", "prefill"}


def test_without_a_price_there_is_no_dollar() -> None:
    """Tokens and time go on; money is absent, not zero."""
    meter = Meter(engine_indexes=[0], gpus_per_engine=1, price=None, split=PhaseSplit(LLAMA_8B, RTX_4090))
    meter.advance(0.0, [EngineTotals(0)])
    reading = meter.advance(10.0, [EngineTotals(0, StepCounts(generated_tokens=7, steps=1))])
    assert reading.tokens["generated"] == 7
    assert reading.gpu_seconds["idle"] == 10.0
    assert (reading.cost_usd, reading.phase_cost_usd, reading.usd_per_token) == ({}, {}, {})
    assert (reading.cached_savings_usd, reading.request_usd, reading.unexplained_usd) == (None, None, None)


def test_without_a_model_there_is_no_split() -> None:
    """The phases are absent, and requests are priced by tokens alike."""
    meter = Meter(engine_indexes=[0], gpus_per_engine=1, price=node_price(usd_per_hour=3600, source="flag"))
    meter.advance(0.0, [EngineTotals(0)])
    served = EngineTotals(
        0, StepCounts(prompt_computed_tokens=60, generated_tokens=40, steps=9), active_seconds=1.0
    )
    reading = meter.advance(1.0, [served], ended=[RequestWork(60, 0, 40)])
    assert reading.phase_cost_usd == {}
    assert {basis for basis, _ in reading.usd_per_token} == {"all", "generated"}
    assert reading.request_usd is not None
    assert reading.request_usd.sum == pytest.approx(1.0)


def test_an_engine_that_was_replaced_goes_on_counting() -> None:
    """Its totals restart at zero: nothing that was counted or charged is lost or taken back."""
    meter = meter_at(3600.0)
    meter.advance(0.0, [EngineTotals(0)])
    meter.advance(10.0, [EngineTotals(0, StepCounts(generated_tokens=100, steps=50), active_seconds=10.0)])
    reading = meter.advance(
        20.0, [EngineTotals(0, StepCounts(generated_tokens=30, steps=2), active_seconds=4.0)]
    )
    assert reading.tokens["generated"] == 130
    assert cost(reading, "active") == pytest.approx(10.0)
    reading = meter.advance(
        30.0, [EngineTotals(0, StepCounts(generated_tokens=40, steps=9), active_seconds=9.0)]
    )
    assert cost(reading, "active") == pytest.approx(15.0)


def test_owned_hardware_has_three_components_in_every_state() -> None:
    """Depreciation and overhead run with the clock, electricity with the joules, and late joules belong to the time
    in which they were drawn."""
    price = owned_price(
        purchase_usd=26_280,
        lifetime_years=3,
        usd_per_kwh=[0.1] * 12 + [0.2] * 12,
        pue=1.25,
        overhead_usd_per_month=365,
        gpus=1,
        source="file",
    )
    meter = Meter(engine_indexes=[0], gpus_per_engine=1, price=price, grid_gco2e_per_kwh=400)

    def gpu(joules: float, now: float) -> GpuReadings:
        return GpuReadings(True, (GpuReading("0", 0, "GPU-1", "RTX 4090", energy_joules=joules),), now)

    meter.advance(0.0, [EngineTotals(0)], gpu(5e6, 0.0))
    meter.advance(
        1800.0, [EngineTotals(0, StepCounts(steps=1), active_seconds=1800.0)], gpu(5e6, 0.0), hour_of_day=13
    )
    reading = meter.advance(
        3600.0,
        [EngineTotals(0, StepCounts(steps=2), active_seconds=1800.0)],
        gpu(5e6 + 3.6e6, 3600.0),
        hour_of_day=13,
    )
    components = {
        component: sum(usd for (_, of), usd in reading.cost_usd.items() if of == component)
        for component in ("depreciation", "electricity", "overhead")
    }
    assert components == {
        "depreciation": pytest.approx(1.0),
        "electricity": pytest.approx(0.25),
        "overhead": pytest.approx(0.5),
    }
    assert reading.cost_usd["active", "electricity"] == pytest.approx(0.125)
    assert reading.electricity_usd_per_hour == pytest.approx(0.25)
    assert reading.carbon_grams == pytest.approx(500)
    assert reading.active_joules == pytest.approx(1.8e6)
    assert reading.energy_source == {"0": "counter"}
