"""What a reading of the meter says, and does not say."""

from __future__ import annotations

import pytest
from example_meters import LLAMA_8B, RTX_4090, cost, meter_at

from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter import Meter, PhaseSplit, RequestWork
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.shares.tenants import ServerTenants, TenantAccounts
from vllm_costmeter.core.meter.shares.work_pools import Claim, PerPool, Spent
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.meter.work import Work
from vllm_costmeter.core.pricing.price import owned_price, rental_price
from vllm_costmeter.core.tenants.numbers import TenantNumbers

BUSY = StepCounts(
    prompt_computed_tokens=100, generated_tokens=100, prefilled_requests=1, steps=9, decode_steps=8
)


def gpu(now: float, **told: float) -> GpuReadings:
    """What the driver says of one GPU."""
    return GpuReadings(True, (GpuReading("0", 0, "GPU-1", "H100", **told),), now)  # type: ignore[arg-type]


def test_the_present_is_that_of_the_engines_that_tell_it() -> None:
    """The mean use of the cache, and the moment of the last token of any."""
    meter = meter_at(1.0, engines=4)
    told = [
        EngineTotals(0, kv_cache_usage_ratio=0.25, last_token_unix_seconds=50.0),
        EngineTotals(1, kv_cache_usage_ratio=0.75, last_token_unix_seconds=90.0),
        EngineTotals(2),
    ]
    reading = meter.advance(0.0, told)
    assert (reading.kv_cache_usage_ratio, reading.last_token_unix_seconds) == (0.5, 90.0)
    reading = meter_at(1.0).advance(0.0, [])
    assert (reading.kv_cache_usage_ratio, reading.last_token_unix_seconds) == (None, None)


def test_tokens_a_second_are_of_the_time_on_the_clock() -> None:
    """Also of a clock that starts at 0."""
    meter = meter_at(1.0)
    meter.advance(0.0, [EngineTotals(0)])
    reading = meter.advance(0.5, [EngineTotals(0, StepCounts(generated_tokens=5, steps=1))])
    assert reading.tokens_per_second["generated", "total"] == 10.0


def test_requests_wait_while_any_engine_is_behind() -> None:
    """One of two owes a second; the tokens of a request may be either's."""
    meter = meter_at(3600.0, engines=2)
    meter.advance(0.0, [EngineTotals(0), EngineTotals(1)])
    engines = [EngineTotals(0, BUSY, active_seconds=2.0), EngineTotals(1)]
    charged = []
    for now, ended in ((1.0, [RequestWork(100, 0, 100)]), (2.0, [])):
        request_usd = meter.advance(now, engines, ended=ended).request_usd
        assert request_usd is not None
        charged.append(request_usd.sum)
    assert charged == [0.0, pytest.approx(2.0)]


def test_a_split_is_what_phases_savings_and_their_check_need() -> None:
    """Without one they are absent, and the bill is explained all the same."""
    price = rental_price(usd_per_gpu_hour=3600, gpus=1, source="flag")
    for split in (None, PhaseSplit(LLAMA_8B, RTX_4090)):
        meter = Meter(engine_indexes=[0], gpus_per_engine=1, price=price, split=split)
        assert meter.advance(0.0, [EngineTotals(0)]).unexplained_usd == 0.0
        reading = meter.advance(2.0, [EngineTotals(0, BUSY, active_seconds=1.0)])
        assert reading.unexplained_usd == pytest.approx(0.0, abs=1e-12)
        assert reading.cached_savings_usd == (None if split is None else 0.0)
        assert bool(reading.phase_cost_usd) is (split is not None)
        assert reading.tenants is None


def test_what_the_parts_do_not_explain_is_told_with_its_sign() -> None:
    """Five dollars charged to a tenant that no request was charged, four claimed elsewhere that nobody spent: the
    larger of two gaps is the one to look at."""
    numbers = TenantNumbers(2)
    tenants = ServerTenants(TenantAccounts(numbers.name), 2)
    meter = Meter(
        engine_indexes=[0],
        gpus_per_engine=1,
        price=rental_price(usd_per_gpu_hour=3600, gpus=1, source="flag"),
        tenants=tenants,
    )
    meter.advance(0.0, [EngineTotals(0)])
    tenants.charge(RequestWork(1, 0, 1), Spent(5.0))
    reading = meter.advance(9.0, [EngineTotals(0)])
    assert reading.unexplained_usd == pytest.approx(-5.0)
    assert reading.tenants is not None
    assert reading.tenants["untagged"].usd == 5.0


def test_claims_of_other_processes_are_part_of_the_explanation() -> None:
    """What they charged is no longer unattributed, and the bill still adds up."""
    meter = Meter(
        engine_indexes=[0],
        gpus_per_engine=1,
        price=rental_price(usd_per_gpu_hour=3600, gpus=1, source="flag"),
    )
    meter.advance(0.0, [EngineTotals(0)])
    claimed = Claim(PerPool(unsplit=Spent(3.0)))
    reading = meter.advance(9.0, [EngineTotals(0, BUSY, active_seconds=8.0)], claimed=claimed)
    assert reading.unattributed_usd == pytest.approx(5.0)
    assert reading.unexplained_usd == pytest.approx(0.0, abs=1e-12)


def test_without_a_price_energy_is_whole_and_adapters_cost_nothing() -> None:
    """No share of the GPU is known, so all of it counts; no sample of dollars."""
    meter = Meter(engine_indexes=[0], gpus_per_engine=1, price=None)
    meter.advance(0.0, [EngineTotals(0)], gpu(0.0, energy_joules=500.0))
    seen = EngineTotals(0, BUSY, active_seconds=4.0, adapter_seconds={"german": 4.0})
    reading = meter.advance(10.0, [seen], gpu(10.0, energy_joules=600.0))
    assert (reading.active_joules, reading.energy_joules) == (pytest.approx(40.0), {"0": 100.0})
    assert (reading.adapter_cost_usd, reading.unattributed_usd, reading.carbon_grams) == ({}, None, None)
    assert (reading.charges_energy, reading.energy_problem, reading.energy_source) == (False, None, {})


@pytest.mark.parametrize("away", [0.0, 100.0])
def test_joules_belong_to_the_time_since_they_are_measured(away: float) -> None:
    """A driver that first answers long after the start: what it then counts is not of the busy time before, neither as
    energy nor as money."""
    price = owned_price(purchase_usd=0, lifetime_years=3, usd_per_kwh=3.6, gpus=1, source="file")
    meter = Meter(engine_indexes=[0], gpus_per_engine=1, price=price)
    meter.advance(0.0, [EngineTotals(0)])
    seen = EngineTotals(0, BUSY, active_seconds=away)
    meter.advance(away, [seen])
    meter.advance(away, [seen], gpu(away, energy_joules=0.0))
    seen = EngineTotals(0, BUSY, active_seconds=away + 5.0)
    reading = meter.advance(away + 20.0, [seen], gpu(away + 20.0, energy_joules=1e6))
    assert reading.active_joules == pytest.approx(250_000)
    assert cost(reading, "active") == pytest.approx(0.25)
    assert cost(reading) == pytest.approx(1.0)


class CountedEvidence(PhaseSplit):
    """Keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__(LLAMA_8B, RTX_4090)
        self.seen: list[Work] = []

    def observe(self, work: Work) -> None:
        self.seen.append(work)


@pytest.mark.parametrize(("active", "learned"), [(2.0, 0), (1.5, 1), (0.5, 0)])
def test_an_engine_that_ran_empty_teaches_the_split_after_a_second(active: float, learned: int) -> None:
    """A tick of two seconds: where part of it was idle nothing is half reported, so one active second is enough."""
    split = CountedEvidence()
    price = rental_price(usd_per_gpu_hour=1, gpus=1, source="flag")
    meter = Meter(engine_indexes=[0], gpus_per_engine=1, price=price, split=split)
    meter.advance(0.0, [EngineTotals(0)])
    meter.advance(2.0, [EngineTotals(0, BUSY, active_seconds=active)])
    assert len(split.seen) == learned
