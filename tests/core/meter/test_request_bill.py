"""Active cost divided among finished requests."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from example_meters import LLAMA_8B, RTX_4090

from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter import Meter, MeterReading, PhaseSplit, RequestWork
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.request_bill import RequestBill
from vllm_costmeter.core.meter.shares.request_work import WorkSums
from vllm_costmeter.core.meter.shares.work_pools import NO_CLAIM, Claim, PerPool, RequestRates, Spent
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.pricing.price import rental_price


class Server:
    """One GPU at a dollar a second, whose engine does what a test says."""

    def __init__(self, *, watts: float | None = None, lag: float = 0.0) -> None:
        self.meter = Meter(
            engine_indexes=[0],
            gpus_per_engine=1,
            price=rental_price(usd_per_gpu_hour=3600, gpus=1, source="flag"),
            split=PhaseSplit(LLAMA_8B, RTX_4090),
            reports_lag_seconds=lag,
        )
        self.watts = watts
        self.now = 0.0
        self.counts, self.active = StepCounts(), 0.0
        self.second()

    def second(
        self,
        computed: int = 0,
        generated: int = 0,
        context: int = 0,
        *,
        active: float | None = None,
        ended: Sequence[RequestWork] = (),
    ) -> MeterReading:
        """One more second with these tokens, active throughout where there are any."""
        working = computed + generated > 0
        self.counts += StepCounts(
            prompt_computed_tokens=computed,
            generated_tokens=generated,
            prefilled_requests=1 if computed else 0,
            steps=100 * working,
            decode_steps=99 * (generated > 1),
            decode_context_tokens=context,
        )
        self.active += float(working) if active is None else active
        totals = EngineTotals(0, self.counts, active_seconds=self.active)
        gpu = GpuReading("0", 0, "GPU-1", "RTX 4090", power_watts=self.watts)
        reading = self.meter.advance(self.now, [totals], GpuReadings(True, (gpu,), self.now), ended=ended)
        self.now += 1.0
        return reading


def spent(reading: MeterReading) -> float:
    """What finished requests were charged."""
    assert reading.request_usd is not None
    return reading.request_usd.sum


def test_running_requests_hold_their_cost_until_they_end() -> None:
    """Nine of ten dollars are of a request that still runs; when it ends, it pays all of them."""
    server = Server()
    for _ in range(9):
        reading = server.second(computed=100, generated=100)
    assert (spent(reading), reading.unattributed_usd) == (0, pytest.approx(9))
    reading = server.second(computed=100, generated=100, ended=[RequestWork(1000, 0, 1000)])
    assert spent(reading) == pytest.approx(10)
    assert reading.unattributed_usd == pytest.approx(0, abs=1e-12)


SMALL, LARGE = RequestWork(100, 0, 100), RequestWork(200, 0, 200)


def test_requests_that_end_together_share_what_is_there() -> None:
    """With nothing else running, exactly all of it."""
    assert spent(Server().second(300, 300, 60_000, ended=[SMALL, LARGE])) == pytest.approx(1)


def test_a_request_pays_for_the_cache_it_held() -> None:
    """After small requests, one of twice the tokens pays more than two thirds of what it and a small one cost: it read
    more context in each of twice the steps."""
    server = Server()
    before = spent(server.second(1000, 1000, 100_000, ended=[SMALL] * 10))
    reading = server.second(300, 300, 60_000, ended=[LARGE])
    assert 2 / 3 < spent(reading) - before < 1


def test_a_cached_prompt_costs_its_residency() -> None:
    """It is not computed, but every decode step reads it: dearer than no prompt, cheaper than a computed one."""
    rates = RequestRates(PerPool(Spent(1e-6), Spent(1e-5), Spent(1e-9), Spent()))
    bare, cached, computed = RequestWork(1, 0, 100), RequestWork(1, 4000, 100), RequestWork(4001, 0, 100)
    costs = [rates.of(request).total().usd for request in (bare, cached, computed)]
    assert costs == sorted(costs)
    assert len(set(costs)) == 3
    assert cached.kv_token_steps == sum(4001 + step for step in range(1, 100))


def test_a_step_longer_than_a_tick_is_paid_by_its_request() -> None:
    """A request whose only step took five seconds, known at its end, waits until they have been charged."""
    server = Server()
    reading = server.second(1000, 1, active=5.0, ended=[RequestWork(1000, 0, 1)])
    assert spent(reading) == 0
    for _ in range(5):
        reading = server.second()
    assert spent(reading) == pytest.approx(5)
    assert reading.unattributed_usd == pytest.approx(0, abs=1e-12)


def test_half_a_second_that_is_still_to_be_charged_is_waited_for() -> None:
    """A step of a second and a half, known after one."""
    server = Server()
    assert spent(server.second(1000, 1, active=1.5, ended=[RequestWork(1000, 0, 1)])) == 0
    assert spent(server.second()) == pytest.approx(1.5)


@pytest.mark.parametrize(("quiet_seconds", "paid"), [(14, 1.5), (15, 1.0)])
def test_after_fifteen_quiet_seconds_nobody_is_left_to_pay(quiet_seconds: int, paid: float) -> None:
    """A request of three quarters of the tokens pays three quarters of two dollars while the others may still end;
    then what they cost is nobody's, and it pays for its own second."""
    server = Server()
    server.second(500, 500)
    for _ in range(quiet_seconds):
        server.second()
    reading = server.second(1500, 1500, ended=[RequestWork(1500, 0, 1500)])
    assert spent(reading) == pytest.approx(paid, rel=1e-6)


@pytest.mark.parametrize(
    ("spent_in_it", "counted"),
    [
        (PerPool(), StepCounts(steps=1)),
        (PerPool(unsplit=Spent(0.5, 0.0)), StepCounts()),
        (PerPool(unsplit=Spent(0.0, 0.5)), StepCounts()),
    ],
)
def test_a_server_that_does_anything_is_not_quiet(spent_in_it: PerPool, counted: StepCounts) -> None:
    """A step without a token, or active money or energy without a step (one that takes minutes): the request that ends
    after it pays for everything."""
    bill = RequestBill()
    bill.accrue(PerPool(unsplit=Spent(1.0, 1.0)), StepCounts(generated_tokens=10, steps=1))
    for second in range(20):
        bill.accrue(spent_in_it, counted)
        bill.advance(float(second), 1.0, (), NO_CLAIM, is_behind=False)
    bill.advance(20.0, 1.0, [RequestWork(0, 0, 10)], NO_CLAIM, is_behind=False)
    total = spent_in_it.total()
    assert bill.account.usd.reading().sum == pytest.approx(1 + 20 * total.usd)
    assert bill.account.joules.reading().sum == pytest.approx(1 + 20 * total.joules)
    assert bill.unattributed() == pytest.approx((0.0, 0.0))


def test_what_other_processes_charged_is_no_longer_there() -> None:
    """Ten dollars accrued, four of them claimed elsewhere with their tokens: the last six are this request's, and the
    parts explain the whole."""
    bill = RequestBill()
    bill.accrue(PerPool(unsplit=Spent(10.0, 20.0)), StepCounts(generated_tokens=10, steps=1))
    claimed = Claim(PerPool(unsplit=Spent(4.0, 8.0)), WorkSums(0, 4, 0))
    bill.advance(1.0, 1.0, (), claimed, is_behind=False)
    assert (bill.unattributed(), bill.explained_usd()) == ((6.0, 12.0), 10.0)
    bill.advance(2.0, 1.0, [RequestWork(0, 0, 5)], NO_CLAIM, is_behind=False)
    assert bill.account.usd.reading().sum == pytest.approx(5.0)
    assert (bill.unattributed().usd, bill.explained_usd()) == pytest.approx((1.0, 10.0))


def test_work_of_a_request_that_nobody_reports_stays_unattributed() -> None:
    """The next request, after a quiet time, pays for its own second only."""
    server = Server()
    server.second(500, 500)
    for _ in range(20):
        server.second()
    reading = server.second(500, 500, ended=[RequestWork(500, 0, 500)])
    assert spent(reading) == pytest.approx(1)
    assert reading.unattributed_usd == pytest.approx(1)
    assert reading.unexplained_usd == pytest.approx(0, abs=1e-12)


def test_energy_is_divided_by_the_same_work() -> None:
    """Joules of requests and unattributed ones are those of active time; phases too; nothing without a driver."""
    server = Server(watts=400.0)
    server.second(500, 500)
    server.second()
    reading = server.second(500, 500, ended=[RequestWork(500, 0, 500)])
    assert reading.request_joules is not None
    assert reading.unattributed_joules is not None
    assert reading.active_joules is not None
    assert reading.request_joules.sum > 0
    assert reading.request_joules.sum + reading.unattributed_joules == pytest.approx(reading.active_joules)
    assert sum(reading.phase_joules.values()) == pytest.approx(reading.active_joules)
    assert reading.active_joules < sum(reading.energy_joules.values())
    dark = Server().second(500, 500, ended=[RequestWork(500, 0, 500)])
    assert (dark.request_joules, dark.active_joules, dark.unattributed_joules) == (None, None, None)
    assert dark.phase_joules == {}


def test_requests_wait_for_late_reports() -> None:
    """With several API processes the active time of a second is known later, and requests wait as long."""
    server = Server(lag=2.5)
    reading = server.second(500, 500, active=0.0, ended=[RequestWork(500, 0, 500)])
    reading = server.second(active=1.0)
    assert spent(reading) == 0
    server.second()
    reading = server.second()
    assert spent(reading) == pytest.approx(1)


def test_the_latest_rates_outlast_the_work_that_was_charged() -> None:
    """A server that is idle again still knows what its last request was charged; what others are charged at is gone."""
    server = Server()
    work = RequestWork(100, 0, 10)
    charged = spent(server.second(100, 10, 900, ended=[work]))
    assert charged > 0
    server.second()
    requests = server.meter.requests
    assert requests.rates().of(work).total().usd == 0
    assert requests.latest_rates().of(work).total().usd == pytest.approx(charged, rel=1e-6)
