"""The meter of a running server, set up on the sampler's thread, so that no driver or file delays vLLM."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.reading import GpuSource
from vllm_costmeter.core.gpu.share import server_share
from vllm_costmeter.core.meter import Meter, RequestWork
from vllm_costmeter.core.meter.merge import EngineMerger
from vllm_costmeter.core.meter.operations import OperationLog
from vllm_costmeter.core.meter.shares.tenants import ServerTenants, TenantAccounts
from vllm_costmeter.core.pricing.choice import choose_price
from vllm_costmeter.core.pricing.price import Price
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.metering.ledger_keeper import LedgerKeeper
from vllm_costmeter.metering.own_counts import OwnCounts
from vllm_costmeter.metering.server_meter import (
    SETTLING_SECONDS,
    ChargingProcess,
    CountingProcess,
)
from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.outputs.metrics.multiprocess import MultiprocessPublisher
from vllm_costmeter.outputs.metrics.process_exchange import ProcessExchange
from vllm_costmeter.plugin.fault_page import page_of_faults
from vllm_costmeter.plugin.serving.budgets import Publish, ServingBudgets, opened_budgets, refused_families
from vllm_costmeter.plugin.serving.ledger import opened_ledger
from vllm_costmeter.plugin.serving.otlp import push_over_otlp
from vllm_costmeter.plugin.serving.phase_split import phase_split
from vllm_costmeter.plugin.serving.price_line import tell_price
from vllm_costmeter.plugin.serving.publisher import charging_publisher
from vllm_costmeter.plugin.serving.requests.desk import RequestDesk
from vllm_costmeter.plugin.serving.served_gpu import served_gpu
from vllm_costmeter.plugin.serving.server_facts import server_facts
from vllm_costmeter.plugin.serving.source_log import SourceLog
from vllm_costmeter.plugin.starting import boot_facts
from vllm_costmeter.plugin.starting.server_settings import chosen_settings
from vllm_costmeter.sources.catalogue.load import default_price
from vllm_costmeter.sources.gpu.server_gpus import server_gpus
from vllm_costmeter.sources.vllm.config import ServerShape, is_on_cpu
from vllm_costmeter.sources.vllm.step_stats import StepRecorder

Answer = TypeVar("Answer")

log = logging.getLogger("vllm.costmeter")

MOST_FINISHED_REQUESTS_PER_TICK = 8_192


class ServingMeter:
    """One per API process; `tick` runs once a second on the sampler's thread."""

    def __init__(
        self,
        vllm_config: Any,
        shape: ServerShape,
        engines: Sequence[StepRecorder],
        errors: ErrorCounts,
        *,
        without: frozenset[str] = frozenset(),
        desk: RequestDesk | None = None,
        operations: OperationLog | None = None,
    ) -> None:
        """`without`: parts that this vLLM gives no ground for (`touched.WITHOUT`). `desk`: None if requests are not
        followed."""
        self._desk = desk
        self._keeper = desk.prices.keeper if desk is not None and desk.prices is not None else None
        self._charged = () if self._keeper is None else (self._keeper.charged,)
        tells_apart = desk is not None and desk.sources
        self._tenants = TenantAccounts(desk.numbers.name) if desk is not None and tells_apart else None
        self._vllm_config = vllm_config
        self._shape = shape
        self._engines = engines
        self._errors = errors
        self._without = without
        self._operations = operations or OperationLog({})
        self._server: ChargingProcess | CountingProcess | None = None
        self._gpus: GpuSource | None = None
        self.page: LatestCollector | None = None
        """What this process shows on /metrics; None before the first tick, or if several processes share it."""
        self._ledger: LedgerKeeper | None = None
        self._budgets: ServingBudgets | None = None
        self._pushes, self._started = False, time.time_ns()
        self._told: set[str] = set()
        self._learn: Callable[[], None] | None = None
        """Record this start for later checks, after the first second has been charged and published."""
        self._source_log = SourceLog(errors, self._tell_of_source)

    def tick(self) -> None:
        """Charge and publish one second; the first call sets everything up."""
        if self._server is None:
            self._server = self._assemble()
        self._server.tick()
        if isinstance(self._server, ChargingProcess):
            self._source_log.follow(self._server.sources, self._server.gpu_readings)
        if self._learn is not None:
            learn, self._learn = self._learn, None
            learn()
        if self._keeper is not None:
            self._keeper.tick(self._server.rates)

    def _tick_at_exit(self) -> None:
        """The last second, for a ledger that is about to be closed."""
        with contextlib.suppress(Exception):
            self.tick()

    def report_fault(self, fault: Exception) -> None:
        """Count an error of the sampler; log each kind once, not every second."""
        self._errors.add("sampler")
        line = f"{type(fault).__name__}: {fault}"
        if line not in self._told and len(self._told) < 20:
            self._told.add(line)
            log.warning("costmeter: %s", line, exc_info=fault)

    def _tell_of_source(self, line: str) -> None:
        log.log(logging.INFO if is_on_cpu(self._vllm_config) else logging.WARNING, "costmeter: %s", line)

    def _assemble(self) -> ChargingProcess | CountingProcess:
        """Retried every second until it works, so what must exist only once (a thread, a collector) is kept."""
        shape, rank = self._shape, self._shape.api_process_rank
        shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        directory = Path(shared) if shared else None
        page = None if directory else self._own_page()
        several = shape.api_process_count > 1 and directory is not None
        now = time.monotonic()
        exchange = ProcessExchange(directory, rank, now) if several and directory else None
        own = OwnCounts(
            model_name=shape.model_name,
            engines=lambda: [counters.totals(time.monotonic()) for counters in self._engines],
            ended=self._take_ended,
            errors=self._errors,
            operations=lambda: self._operations.totals,
            refused=lambda: refused_families(shape.model_name, self._desk),
        )
        settings = _settings(self._vllm_config)
        if exchange is not None and rank > 0:
            self._budgets = self._budgets or opened_budgets(settings, self._desk)
            publisher = MultiprocessPublisher(exchange.directory, rank)
            return CountingProcess(
                own=own,
                exchange=exchange,
                publish=publisher.publish,
                tenants=self._tenants,
                charged=self._charged,
            )
        if self._gpus is None:
            self._gpus = server_gpus(
                shape.local_gpus,
                source=settings.gpu_source,
                metrics_url=settings.gpu_metrics_url,
                device_ids=shape.device_ids,
                may_be_elsewhere=shape.may_be_elsewhere,
                root_pid=os.getppid() if several else None,
                left_out=self._source_log.left_out,
            )
        checked = boot_facts.checked()
        label = str if self._desk is None else self._desk.label
        facts, self._learn = server_facts(self._vllm_config, shape, checked, settings, label)
        tenants = None
        if self._tenants is not None and self._desk is not None:
            tenants = ServerTenants(self._tenants, settings.tenant_limit, self._desk.gate.budgeted)
        price, meter = self._meter(settings, self._gpus, checked, tenants)
        if self._ledger is None:
            self._ledger = opened_ledger(settings, shape, price, self._gpus.latest())
            atexit.register(self._tick_at_exit)  # after the ledger's, so before it
        self._budgets = self._budgets or opened_budgets(settings, self._desk, self._ledger)
        publish: Publish = page.publish if page else charging_publisher(directory or Path(), shape).publish
        if self._budgets is not None:
            publish = self._budgets.beside(publish, shape.model_name, lambda: server.reading)
        server = ChargingProcess(
            own=own,
            meter=meter,
            facts=lambda: facts,
            publish=publish,
            gpus=self._gpus.latest,
            exchange=exchange,
            merger=EngineMerger(shape.engine_indexes, now) if exchange else None,
            ledger=self._ledger,
            tenants=tenants,
        )
        if page is not None:
            page.before_scrape = lambda page: server.refresh()  # a scrape shows the bill of its own moment
        if not self._pushes:
            self._pushes = True
            push_over_otlp(settings, self._vllm_config, shape, self._errors, self._started)
        return server

    def _own_page(self) -> LatestCollector:
        """Registered once; until the meter is set up, it shows the errors that prevent that."""
        if self.page is None:
            self.page = page_of_faults(self._errors)
        return self.page

    def _meter(
        self, settings: Settings, gpus: GpuSource, checked: Fit | None, tenants: ServerTenants | None
    ) -> tuple[Price | None, Meter]:
        shape = self._shape
        gpu = _read_or_none(lambda: served_gpu(settings, gpus, checked))
        quote = _read_or_none(lambda: default_price(gpu)) if gpu else None
        count = shape.gpus_per_engine * len(shape.engine_indexes)
        slices = gpu.mig_instances if gpu else None
        share = server_share(gpus.latest().gpus, settings.mig_share, settings.gpu_share, slices)
        price = choose_price(settings, count, quote, share)
        tell_price(price, count)
        return price, Meter(
            engine_indexes=shape.engine_indexes,
            gpus_per_engine=shape.gpus_per_engine,
            price=price,
            split=phase_split(self._vllm_config, shape, gpu, self._without),
            grid_gco2e_per_kwh=settings.carbon_gco2e_per_kwh,
            tdp_watts=gpu.tdp_watts if gpu else None,
            tenants=tenants,
            charged=self._charged,
            reports_lag_seconds=SETTLING_SECONDS if shape.api_process_count > 1 else 0.0,
        )

    def _take_ended(self) -> list[RequestWork]:
        taken: list[RequestWork] = []
        for counters in self._engines:
            taken += counters.take_ended(MOST_FINISHED_REQUESTS_PER_TICK - len(taken))
        return taken


def _settings(vllm_config: Any) -> Settings:
    """As validated before the start; an error that appears only now affects the price, not the meter."""
    try:
        return chosen_settings(vllm_config.additional_config)
    except BadInputError as why:
        log.error("costmeter: %s; metering continues without a price", why)
        return Settings()


def _read_or_none(read: Callable[[], Answer | None]) -> Answer | None:
    """A catalogue file that can no longer be read affects only its own data, not the meter."""
    try:
        return read()
    except BadInputError as why:
        log.error("costmeter: %s; metering continues without it", why)
        return None
