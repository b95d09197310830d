"""The meter: a bill that grows with time, divided among the engines' work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from vllm_costmeter.core.gpu.reading import GpuReadings
from vllm_costmeter.core.meter.electricity.bill import EnergyBill
from vllm_costmeter.core.meter.engine_account import EngineAccount
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.exact_sum import ExactSum
from vllm_costmeter.core.meter.phase_bill import PhaseBill
from vllm_costmeter.core.meter.reading import MeterReading
from vllm_costmeter.core.meter.request_bill import RequestBill
from vllm_costmeter.core.meter.shares.adapters import AdapterCosts
from vllm_costmeter.core.meter.shares.request_cost import Charged
from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.meter.shares.savings import CachedSavings
from vllm_costmeter.core.meter.shares.tenants import ServerTenants
from vllm_costmeter.core.meter.shares.work_pools import NO_CLAIM, Claim, Spent
from vllm_costmeter.core.meter.split.phases import PhaseSplit
from vllm_costmeter.core.meter.state_bill import StateBill, split_by_state
from vllm_costmeter.core.meter.token_counts import TokenCounts
from vllm_costmeter.core.meter.unit_prices import (
    computed_token_usd,
    floor_unit_prices,
    token_rates,
    unit_prices,
)
from vllm_costmeter.core.meter.windows import Cumulative, Windows
from vllm_costmeter.core.pricing.price import Price

NO_GPUS = GpuReadings(up=False)
BEHIND_SECONDS = 0.001  # less is rounding, and the moment between a step's end and its report


class Meter:
    """Advanced about once a second with a monotonic clock. Pure arithmetic, for one thread.

    Laws, at every reading: cost over states = cost over components = price x time since the first `advance`; cost
    over phases = active cost; cost of finished requests + unattributed = active cost; no counter decreases. If the
    clock goes back, nothing is charged until it has passed its highest value again.
    """

    def __init__(
        self,
        *,
        engine_indexes: Sequence[int],
        gpus_per_engine: int,
        price: Price | None,
        split: PhaseSplit | None = None,
        grid_gco2e_per_kwh: float | None = None,
        tdp_watts: float | None = None,
        reports_lag_seconds: float = 0.0,
        tenants: ServerTenants | None = None,
        charged: Sequence[Charged] = (),
    ) -> None:
        """`reports_lag_seconds`: how late engines' active time is known, where several API processes report it.
        `charged` are told of each request that was charged."""
        self._price = price
        self._split = split
        self._gpus_per_engine = gpus_per_engine
        self._accounts = {index: EngineAccount() for index in engine_indexes}
        self._rates = {} if price is None else price.usd_per_hour_by_component
        self._energy = EnergyBill(
            engines=len(self._accounts),
            gpus_per_engine=gpus_per_engine,
            electricity=None if price is None else price.electricity,
            gpu_share=1.0 if price is None else price.gpu_share,
            grid_gco2e_per_kwh=grid_gco2e_per_kwh,
            tdp_watts=tdp_watts,
        )
        self._bill = StateBill()
        self._adapters = {index: AdapterCosts() for index in engine_indexes}
        self._tokens = TokenCounts()
        self._phases = PhaseBill(split)
        self._savings = CachedSavings()
        self._floor_compute_usd, self._floor_memory_usd = ExactSum(), ExactSum()
        self._active_joules = ExactSum()
        self._electricity_usd = ExactSum()
        self._tenants = tenants
        told = charged if tenants is None else (tenants.charge, *charged)
        self.requests = RequestBill(reports_lag_seconds, told)
        """What ended requests were charged."""
        self._first_seconds: float | None = None
        self._windows = Windows()
        self._added: Mapping[str, Cumulative] = {}
        self._now_seconds: float | None = None

    def advance(
        self,
        now_seconds: float,
        engines: Sequence[EngineTotals],
        gpus: GpuReadings = NO_GPUS,
        hour_of_day: int = 0,
        *,
        ended: Sequence[RequestWork] = (),
        claimed: Claim = NO_CLAIM,
    ) -> MeterReading:
        """Charge the time since the last call and return the state of the meter. The first call charges nothing and
        starts the clock. `hour_of_day` (local, 0 to 23) selects the tariff. `ended`: this process's requests that ended
        since the last call, all of whose tokens are in `engines`; `claimed`: what other API processes charged
        theirs."""
        before = now_seconds if self._now_seconds is None else self._now_seconds
        elapsed = max(0.0, now_seconds - before)
        self._now_seconds = before + elapsed
        self._first_seconds = before if self._first_seconds is None else self._first_seconds
        by_index = {totals.engine_index: totals for totals in engines}
        self._energy.advance(elapsed, gpus)
        for position, (index, account) in enumerate(self._accounts.items()):
            self._charge(position, account, elapsed, by_index.get(index), hour_of_day)
        self._added = self._windows.push(self._cumulative())
        if self._price is not None and self._split is not None:
            self._savings.advance(self._tokens.by_kind()["prompt_cached"], computed_token_usd(self._added))
        is_behind = any(account.owed_seconds > BEHIND_SECONDS for account in self._accounts.values())
        self.requests.advance(self._now_seconds, elapsed, ended, claimed, is_behind=is_behind)
        return self._reading(hour_of_day)

    @property
    def remembered_moments(self) -> int:
        """The number of stored moments in the windows, which is bounded."""
        return len(self._windows)

    def _charge(
        self,
        position: int,
        account: EngineAccount,
        elapsed_seconds: float,
        totals: EngineTotals | None,
        hour_of_day: int,
    ) -> None:
        before = self._tokens.work
        if totals is not None:
            self._tokens.add(account.totals, totals)
        tokens = self._tokens.work - before
        seconds, work = account.advance(elapsed_seconds, totals)
        self._bill.spend(self._gpus_per_engine, seconds)
        active_usd = 0.0
        for component, rate in self._rates.items():
            usd = rate / len(self._accounts) / 3600 * elapsed_seconds
            active_usd += self._bill.charge(component, usd, seconds)
        electricity_usd = self._energy.engine_usd(position, hour_of_day)
        unpaid = account.unpaid.take(nothing=electricity_usd == 0)  # None: none will be charged for that time
        if electricity_usd is not None:
            self._electricity_usd.add(electricity_usd)
            active_usd += self._bill.charge("electricity", electricity_usd, unpaid)
        joules = self._energy.engine_joules(position)
        unmeasured = account.unmeasured.take(nothing=joules == 0)
        active_joules = split_by_state(joules or 0.0, unmeasured)["active"]
        self._active_joules.add(active_joules)
        if totals is not None and self._price is not None:
            self._adapters[totals.engine_index].charge(active_usd, seconds.active, totals.adapter_seconds)
        active = Spent(active_usd, active_joules)
        spent = self._phases.charge(account, active, work, ran_empty=seconds.idle > 0)
        self.requests.accrue(spent, tokens)
        least = None if self._split is None else self._split.least_seconds(work.counts)
        if least is not None and self._price is not None:
            usd_per_second = self._usd_per_gpu_second(hour_of_day)
            self._floor_compute_usd.add(usd_per_second * least.compute)
            self._floor_memory_usd.add(usd_per_second * least.memory)

    def _usd_per_gpu_second(self, hour_of_day: int) -> float:
        gpus = self._gpus_per_engine * len(self._accounts)
        electricity = self._energy.usd_per_hour(hour_of_day) or 0.0
        return (sum(self._rates.values()) + electricity) / gpus / 3600

    def _cumulative(self) -> Cumulative:
        tokens = self._tokens.by_kind()
        return Cumulative(
            seconds=self._now_seconds or 0.0,
            usd=self._bill.total_usd(),
            active_usd=self._bill.total_usd("active"),
            prefill_usd=self._phases.usd("prefill"),
            decode_usd=self._phases.usd("decode"),
            prompt_computed_tokens=tokens["prompt_computed"],
            prompt_cached_tokens=tokens["prompt_cached"],
            generated_tokens=tokens["generated"],
            floor_compute_usd=self._floor_compute_usd.value,
            floor_memory_usd=self._floor_memory_usd.value,
        )

    def _adapter_cost_usd(self) -> dict[str, float]:
        usd: defaultdict[str, float] = defaultdict(float)
        for costs in self._adapters.values():
            for name, part in costs.usd().items():
                usd[name] += part
        return dict(usd)

    def _unexplained_usd(self) -> float:
        """The bill less its parts, where it is furthest from 0. The bill is the price times the time on the clock, not
        a sum of what was charged."""
        seconds = (self._now_seconds or 0.0) - (self._first_seconds or 0.0)
        bill = sum(self._rates.values()) * seconds / 3600 + self._electricity_usd.value
        active = self._bill.total_usd("active")
        gaps = [bill - self._bill.total_usd(), active - self.requests.explained_usd()]
        if self._split is not None:
            gaps.append(active - self._phases.usd())
        if self._tenants is not None:
            gaps.append(self.requests.account.usd.reading().sum - self._tenants.own_usd())
        return max(gaps, key=abs)

    def _reading(self, hour_of_day: int) -> MeterReading:
        known = [account.totals for account in self._accounts.values() if account.totals is not None]
        usages = [totals.kv_cache_usage_ratio for totals in known if totals.kv_cache_usage_ratio is not None]
        last_tokens = [totals.last_token_unix_seconds for totals in known]
        measured = self._energy.measured_joules()
        return MeterReading(
            price=self._price,
            tokens=self._tokens.by_kind(),
            gpu_seconds=self._bill.gpu_seconds(),
            cost_usd=self._bill.cost_usd(),
            phase_cost_usd={} if self._price is None else self._phases.usd_by_method(),
            adapter_cost_usd=self._adapter_cost_usd(),
            requests=self._tokens.requests(),
            request_usd=None if self._price is None else self.requests.account.usd.reading(),
            request_joules=self.requests.account.joules.reading() if measured else None,
            unattributed_usd=None if self._price is None else self.requests.unattributed().usd,
            unattributed_joules=self.requests.unattributed().joules if measured else None,
            unexplained_usd=None if self._price is None else self._unexplained_usd(),
            tenants=None if self._tenants is None else self._tenants.shares(),
            cached_savings_usd=None if self._price is None or self._split is None else self._savings.usd,
            usd_per_token={}
            if self._price is None
            else {
                (basis, window): usd
                for window, added in self._added.items()
                for basis, usd in unit_prices(added, split_known=self._split is not None).items()
            },
            floor_usd_per_token={
                (basis, window): usd
                for window, added in self._added.items()
                for basis, usd in floor_unit_prices(added).items()
            },
            tokens_per_second=token_rates(self._added),
            electricity_usd_per_hour=self._energy.usd_per_hour(hour_of_day),
            energy_joules=measured,
            active_joules=self._active_joules.value if measured else None,
            phase_joules=self._phases.joules() if measured else {},
            energy_source=self._energy.sources(),
            charges_energy=self._energy.is_charged,
            energy_problem=self._energy.problem(),
            carbon_grams=self._energy.carbon_grams(),
            last_token_unix_seconds=max(
                (seconds for seconds in last_tokens if seconds is not None), default=None
            ),
            kv_cache_usage_ratio=sum(usages) / len(usages) if usages else None,
        )
