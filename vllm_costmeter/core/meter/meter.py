"""The meter: a bill that grows with time, divided among the engines' work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from vllm_costmeter.core.gpu.reading import GpuReadings
from vllm_costmeter.core.meter.electricity.bill import EnergyBill
from vllm_costmeter.core.meter.engine_account import EngineAccount
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.exact_sum import ExactSum
from vllm_costmeter.core.meter.ledger import CostLedger
from vllm_costmeter.core.meter.reading import MeterReading, Phase
from vllm_costmeter.core.meter.shares.adapters import AdapterCosts
from vllm_costmeter.core.meter.shares.savings import CachedSavings
from vllm_costmeter.core.meter.split.phases import PhaseSplit
from vllm_costmeter.core.meter.token_counts import TokenCounts
from vllm_costmeter.core.meter.unit_prices import (
    RequestUnitPrices,
    floor_unit_prices,
    request_unit_prices,
    token_rates,
    unit_prices,
)
from vllm_costmeter.core.meter.windows import Cumulative, Windows
from vllm_costmeter.core.pricing.price import Price

NO_GPUS = GpuReadings(up=False)


class Meter:
    """Advanced about once a second with a monotonic clock. Pure arithmetic, for one thread.

    Laws, at every reading: cost over states = cost over components = price x time since the first `advance`; cost
    over phases = active cost; no counter decreases. If the clock goes back, nothing is charged until it has passed
    its highest value again.
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
    ) -> None:
        self._price = price
        self._split = None if price is None else split
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
        self._ledger = CostLedger()
        self._adapters = {index: AdapterCosts() for index in engine_indexes}
        self._tokens = TokenCounts()
        self._phases: defaultdict[tuple[Phase, str], ExactSum] = defaultdict(ExactSum)
        self._savings = CachedSavings()
        self._floor_compute_usd, self._floor_memory_usd = ExactSum(), ExactSum()
        self._windows = Windows()
        self._added: Mapping[str, Cumulative] = {}
        self._now_seconds: float | None = None

    def advance(
        self,
        now_seconds: float,
        engines: Sequence[EngineTotals],
        gpus: GpuReadings = NO_GPUS,
        hour_of_day: int = 0,
    ) -> MeterReading:
        """Charge the time since the last call and return the state of the meter. The first call charges nothing and
        starts the clock. `hour_of_day` (local, 0 to 23) selects the tariff."""
        before = now_seconds if self._now_seconds is None else self._now_seconds
        elapsed = max(0.0, now_seconds - before)
        self._now_seconds = before + elapsed
        by_index = {totals.engine_index: totals for totals in engines}
        self._energy.advance(elapsed, gpus)
        for position, (index, account) in enumerate(self._accounts.items()):
            self._charge(position, account, elapsed, by_index.get(index), hour_of_day)
        self._added = self._windows.push(self._cumulative())
        prices = self.request_unit_prices()
        if self._split is not None:
            self._savings.advance(self._tokens.by_kind()["prompt_cached"], prices)
        return self._reading(hour_of_day)

    def request_unit_prices(self) -> RequestUnitPrices | None:
        """The unit prices for a request that finishes now; None without a price or before the first token."""
        if self._price is None or not self._added:
            return None
        return request_unit_prices(self._added, split_known=self._split is not None)

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
        if totals is not None:
            self._tokens.add(account.totals, totals)
        seconds, work = account.advance(elapsed_seconds, totals)
        self._ledger.spend(self._gpus_per_engine, seconds)
        active_usd = 0.0
        for component, rate in self._rates.items():
            usd = rate / len(self._accounts) / 3600 * elapsed_seconds
            active_usd += self._ledger.charge(component, usd, seconds)
        electricity_usd = self._energy.engine_usd(position, hour_of_day)
        if electricity_usd is not None:
            unpaid = account.take_unpaid(nothing=electricity_usd == 0)
            active_usd += self._ledger.charge("electricity", electricity_usd, unpaid)
        if totals is not None and self._price is not None:
            self._adapters[totals.engine_index].charge(active_usd, seconds.active, totals.adapter_seconds)
        if self._split is not None:
            charge = account.phases.charge(self._split, active_usd, work, ran_empty=seconds.idle > 0)
            self._phases["prefill", charge.method].add(charge.prefill_usd)
            self._phases["decode", charge.method].add(charge.decode_usd)
            least = self._split.least_seconds(work.counts)
            if least is not None:
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
            usd=self._ledger.total_usd(),
            active_usd=self._ledger.total_usd("active"),
            prefill_usd=sum(usd.value for (phase, _), usd in self._phases.items() if phase == "prefill"),
            decode_usd=sum(usd.value for (phase, _), usd in self._phases.items() if phase == "decode"),
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

    def _reading(self, hour_of_day: int) -> MeterReading:
        known = [account.totals for account in self._accounts.values() if account.totals is not None]
        usages = [totals.kv_cache_usage_ratio for totals in known if totals.kv_cache_usage_ratio is not None]
        last_tokens = [totals.last_token_unix_seconds for totals in known]
        return MeterReading(
            price=self._price,
            tokens=self._tokens.by_kind(),
            gpu_seconds=self._ledger.gpu_seconds(),
            cost_usd=self._ledger.cost_usd(),
            phase_cost_usd={key: usd.value for key, usd in self._phases.items()},
            adapter_cost_usd=self._adapter_cost_usd(),
            cached_savings_usd=None if self._split is None else self._savings.usd,
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
            energy_joules=self._energy.measured_joules(),
            energy_source=self._energy.sources(),
            charges_energy=self._energy.is_charged,
            energy_problem=self._energy.problem(),
            carbon_grams=self._energy.carbon_grams(),
            last_token_unix_seconds=max(
                (seconds for seconds in last_tokens if seconds is not None), default=None
            ),
            kv_cache_usage_ratio=sum(usages) / len(usages) if usages else None,
        )
