"""One tick of a server's meter: take snapshots, charge, publish."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from vllm_costmeter.core.gpu.reading import GpuReadings
from vllm_costmeter.core.ledger.rows import Interval, Shares
from vllm_costmeter.core.ledger.usage import usage_of
from vllm_costmeter.core.meter import Meter, MeterReading
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.merge import EngineMerger
from vllm_costmeter.core.meter.meter import NO_GPUS
from vllm_costmeter.core.meter.operations import Operations
from vllm_costmeter.core.meter.shares.request_cost import Charged, RequestAccount
from vllm_costmeter.core.meter.shares.settling import Settling
from vllm_costmeter.core.meter.shares.share import Share
from vllm_costmeter.core.meter.shares.tenants import ServerTenants, TenantAccounts
from vllm_costmeter.core.meter.shares.work_pools import NO_CLAIM
from vllm_costmeter.metering.current_rates import current_rates
from vllm_costmeter.metering.ledger_keeper import LedgerKeeper
from vllm_costmeter.metering.own_counts import OwnCounts
from vllm_costmeter.outputs.metrics.exposition import Family, ServerFacts, server_families
from vllm_costmeter.outputs.metrics.process_exchange import ProcessExchange, PublishedRates

SETTLING_SECONDS = 2.5
"""How long a request waits for its cost with several API processes: the active time of a second is known when every
process has written, once a second each, and has been read."""

LONGEST_WAIT_OF_A_SCRAPE_SECONDS = 0.05  # vLLM answers scrapes on its event loop; a tick takes about 1 ms

FAULT = "fault"
"""The reason of a source whose reading failed by our own error; `costmeter_errors_total` counts it."""


class ChargingProcess:
    """The process that runs the meter: the only API process, or the first of several. The sampler calls `tick` about
    once a second; each scrape calls `refresh` on its own thread."""

    def __init__(
        self,
        *,
        own: OwnCounts,
        meter: Meter,
        facts: Callable[[], ServerFacts],
        publish: Callable[[Sequence[Family]], None],
        gpus: Callable[[], GpuReadings] = lambda: NO_GPUS,
        exchange: ProcessExchange | None = None,
        merger: EngineMerger | None = None,
        ledger: LedgerKeeper | None = None,
        tenants: ServerTenants | None = None,
        monotonic_seconds: Callable[[], float] = time.monotonic,
        hour_of_day: Callable[[], int] = lambda: time.localtime().tm_hour,
    ) -> None:
        self._own = own
        self._meter = meter
        self._facts = facts
        self._publish = publish
        self._gpus = gpus
        self._exchange = exchange
        self._merger = merger
        self._ledger = ledger
        self._tenants = tenants
        self._monotonic_seconds = monotonic_seconds
        self._hour_of_day = hour_of_day
        self._one_at_a_time = threading.Lock()
        self.reading: MeterReading | None = None
        """The latest; None before the first tick."""
        self.rates: PublishedRates | None = None
        self.sources: dict[str, str | None] = {}
        """Why each source is down, as of the latest tick; None if it is up."""
        self.gpu_readings: GpuReadings = NO_GPUS
        """Of the latest tick."""

    def tick(self) -> None:
        """Charge first, then publish, so that an error in publishing never loses a second of the bill."""
        with self._one_at_a_time:
            self._charge_and_publish()

    def refresh(self) -> None:
        """Bring the bill up to date for a scrape, so that two scrapes differ by exactly the time between them. Never
        raises; if a tick takes too long, the scrape returns the values of the last second."""
        self._own.attempt("scrape", self._charge_unless_busy, None)

    def _charge_unless_busy(self) -> None:
        deadline = time.monotonic() + LONGEST_WAIT_OF_A_SCRAPE_SECONDS
        while self._one_at_a_time.locked():
            if time.monotonic() > deadline:
                return
            time.sleep(0.001)
        with (
            self._one_at_a_time
        ):  # `with`, so that no fault between taking and freeing it stops the meter for good
            self._charge_and_publish()

    def _charge_and_publish(self) -> None:
        now = self._monotonic_seconds()
        ended = self._own.take_ended()
        engine_up = self._own.refresh()
        place = self.gpu_readings.source or "nvml"
        gpus = self.gpu_readings = self._own.attempt(place, self._gpus, NO_GPUS)
        engines = self._engines(now)
        claimed = NO_CLAIM if self._merger is None else self._merger.newly_claimed()
        reading = self._meter.advance(now, engines, gpus, self._hour_of_day(), ended=ended, claimed=claimed)
        self.reading = reading
        operations = self._own.operations
        if (ledger := self._ledger) is not None:
            self._own.attempt("ledger", lambda: ledger.note(_totals(reading, operations)), None)
        rates = self.rates = current_rates(now, self._meter, reading)
        if (exchange := self._exchange) is not None:
            self._own.attempt("exchange", lambda: exchange.write_rates(rates), None)
        self.sources = _sources(gpus, reading, engine_up)
        if ledger is not None:
            self.sources |= {"ledger": ledger.problem}
        self._publish(
            (
                *server_families(self._facts(), reading, gpus, self.sources, operations),
                *self._own.families(reading.request_usd, reading.request_joules),
            )
        )

    def _engines(self, now_seconds: float) -> Sequence[EngineTotals]:
        exchange, merger = self._exchange, self._merger
        if exchange is None or merger is None:
            return self._own.engines
        told = [exchange.mine(now_seconds, self._own.engines)]
        tenants = self._tenants
        nobody: list[int] = []
        for rank in self._own.attempt("exchange", exchange.other_ranks, nobody):
            other = self._own.attempt("exchange", partial(exchange.read_engines, rank, now_seconds), None)
            if other is not None:
                told.append(other)
                if tenants is not None:
                    tenants.follow(rank, other.tenants)
        return merger.merge(now_seconds, told)


def _sources(gpus: GpuReadings, reading: MeterReading, engine_up: bool) -> dict[str, str | None]:
    read = {} if gpus.source is None else {gpus.source: None if gpus.up else gpus.reason or FAULT}
    sources = {
        **read,
        "price": None if reading.price is not None else "no_price",
        "engine": None if engine_up else FAULT,
    }
    return sources | {"energy": reading.energy_problem} if reading.charges_energy else sources


def _totals(reading: MeterReading, operations: Operations) -> Interval:
    shares: Shares = {("adapter", name): Share(usd=usd) for name, usd in reading.adapter_cost_usd.items()}
    shares |= {("tenant", name): share for name, share in (reading.tenants or {}).items()}
    return Interval(usage_of(reading), shares, operations)


class CountingProcess:
    """Another API process of the same server: counts its own tokens and requests, but charges nothing."""

    def __init__(
        self,
        *,
        own: OwnCounts,
        exchange: ProcessExchange,
        publish: Callable[[Sequence[Family]], None],
        tenants: TenantAccounts | None = None,
        charged: Sequence[Charged] = (),
        monotonic_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = own
        self._exchange = exchange
        self._publish = publish
        self._tenants = tenants
        self._monotonic_seconds = monotonic_seconds
        self._settling = Settling()
        self.rates: PublishedRates | None = None
        """As the process that charges published them last."""
        self._account = RequestAccount(charged if tenants is None else (tenants.charge, *charged))

    def tick(self) -> None:
        """Pass this process's totals to the one that charges, and publish its own counts."""
        now = self._monotonic_seconds()  # before the snapshot: what happens meanwhile is reported next time
        self._settling.add(now, self._own.take_ended())
        self._own.refresh()
        told = self.rates = self._own.attempt("exchange", self._exchange.read_rates, None)
        if told is not None:
            due = self._settling.take(now, told.written_seconds - SETTLING_SECONDS)
            self._account.charge(due, told.rates)
        claimed = self._account.claimed
        tenants = {} if self._tenants is None else self._tenants.shares()
        self._own.attempt(
            "exchange", lambda: self._exchange.write_engines(now, self._own.engines, claimed, tenants), None
        )
        usd = self._account.usd.reading() if told is not None and told.has_price else None
        joules = self._account.joules.reading() if told is not None and told.has_energy else None
        self._publish(self._own.families(usd, joules))
