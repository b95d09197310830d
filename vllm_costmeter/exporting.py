"""`costmeter exporter`: the cost of servers that are read from outside."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import vllm_costmeter
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engines.engine import Engine
from vllm_costmeter.core.engines.known import BY_KEY
from vllm_costmeter.core.engines.sample import EngineSample
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.reading import GpuSource
from vllm_costmeter.core.gpu.share import server_share
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.ledger.rows import Series
from vllm_costmeter.core.meter import Meter
from vllm_costmeter.core.meter.scraped import ScrapedServer
from vllm_costmeter.core.pricing.api_price import ApiPriceRow
from vllm_costmeter.core.pricing.choice import choose_price
from vllm_costmeter.core.pricing.price import Price
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.metering.ledger_keeper import LedgerKeeper
from vllm_costmeter.metering.polled_target import PolledTarget
from vllm_costmeter.metering.sampler import Sampler
from vllm_costmeter.metering.target_meter import TargetMeter
from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.exposition import ServerFacts
from vllm_costmeter.outputs.metrics.prometheus import CollectorRegistry, generate_latest
from vllm_costmeter.outputs.metrics.targets import merged, target_families
from vllm_costmeter.sources.catalogue.api_prices import chosen_api_price
from vllm_costmeter.sources.catalogue.load import default_price, gpu_for_nvml_name, parse_gpu
from vllm_costmeter.sources.targets.engine_pages import EnginePages
from vllm_costmeter.sources.targets.http_page import PageError
from vllm_costmeter.sources.targets.target import Target


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every target unless the target says otherwise."""

    settings: Callable[[Target], Settings]
    pages: Callable[[Target], EnginePages]
    gpus: int | None = None
    ledger: Path | None = None
    gpu_source: GpuSource | None = None
    """Of a single target on this machine."""
    interval_seconds: float = 1.0
    instances: bool = False
    """Whether series name their target: there may be more than one."""


class Exporter:
    """Reads its targets once a second, charges them, and has the page of all of them."""

    def __init__(self, terms: Terms, tell: Callable[[str], None]) -> None:
        self._terms = terms
        self._tell = tell
        self._targets: dict[Target, PolledTarget] = {}
        self._lock = threading.Lock()
        self.discovery_up: bool | None = None
        self._registry = CollectorRegistry()
        self._collector = LatestCollector(self._registry)
        self._sampler = Sampler(self.tick, self._report)
        self._told: set[str] = set()

    def follow(self, targets: Sequence[Target]) -> list[PolledTarget]:
        """Read these from now on; what is no longer among them has ended. The new ones, not started yet."""
        wanted = dict.fromkeys(targets)
        with self._lock:
            gone = [self._targets.pop(target) for target in [*self._targets] if target not in wanted]
            new = {target: self._polled(target) for target in wanted if target not in self._targets}
            self._targets |= new
        for polled in gone:
            polled.tick(time.monotonic(), time.localtime().tm_hour)
            polled.stop()
        return list(new.values())

    def start(self) -> None:
        """Begin to charge."""
        self._sampler.start()

    def stop(self) -> None:
        """Charge the last second and write the ledger."""
        self._sampler.stop()
        for polled in self._polling():
            polled.stop()

    def tick(self) -> None:
        """Charge all targets."""
        hour = time.localtime().tm_hour
        for polled in self._polling():
            try:
                polled.tick(time.monotonic(), hour)
            except Exception as why:  # noqa: BLE001 (one target's fault is not another's)
                self._report(why)

    def page(self) -> bytes:
        """The metrics of this moment."""
        self.tick()
        polling = self._polling()
        families = [family for polled in polling for family in polled.families() if family.samples]
        states = target_families((polled.state() for polled in polling), self.discovery_up)
        self._collector.publish(merged((*families, *states)))
        return generate_latest(self._registry)

    def _polling(self) -> list[PolledTarget]:
        with self._lock:
            return list(self._targets.values())

    def _polled(self, target: Target) -> PolledTarget:
        pages = self._terms.pages(target)
        return PolledTarget(
            target.url,
            pages.sample,
            partial(self._begin, target),
            self._tell,
            labels={
                **dict(target.labels),
                **({"instance": target.instance} if self._terms.instances else {}),
            },
            interval_seconds=self._terms.interval_seconds,
            close=pages.close,
        )

    def _report(self, fault: Exception) -> None:
        line = f"{type(fault).__name__}: {fault}"
        if line not in self._told and len(self._told) < 20:
            self._told.add(line)
            self._tell(line)

    def _begin(self, target: Target, sample: EngineSample, now: float, unix: float) -> TargetMeter:
        engine, settings = BY_KEY[sample.engine], self._terms.settings(target)
        model = target.model_name or sample.model_name or "unknown"
        count = target.gpus or self._terms.gpus or len(sample.engines)
        if count % len(sample.engines):
            raise PageError(
                "gpus",
                f"{target.url} has {len(sample.engines)} data-parallel engines, no divisor of {count} GPUs: set --gpus",
            )
        gpu = self._gpu(settings)
        price = _price(settings, gpu, count, self._terms.gpu_source)
        self._tell(f"{target.url} is {engine.title} with the model {model}, {_terms_in_words(price, count)}")
        return TargetMeter(
            engine,
            sample,
            partial(_meter, settings, price, gpu, count),
            facts=ServerFacts(
                model_name=model,
                version=vllm_costmeter.__version__,
                vllm_version="",
                api_price=self._api_price(settings, model),
            ),
            now_seconds=now,
            unix_seconds=unix,
            gpus=self._terms.gpu_source,
            ledger=self._ledger(
                self._series(target, model, engine, price=price, count=count, gpu=settings.gpu)
            ),
        )

    def _gpu(self, settings: Settings) -> GpuSpec | None:
        source = self._terms.gpu_source
        for reading in () if source is None else source.latest().gpus:
            found = gpu_for_nvml_name(reading.name, reading.memory_total_bytes)
            if found is not None:
                return found
        return parse_gpu(settings.gpu)[0] if settings.gpu else None

    def _api_price(self, settings: Settings, model: str) -> ApiPriceRow | None:
        if settings.api_provider is None:
            return None
        try:
            return chosen_api_price(settings.api_provider, settings.api_model, model)
        except BadInputError as why:
            self._tell(f"no comparison with an API: {why}; set --api-model")
            return None

    def _ledger(self, series: Series) -> LedgerKeeper | None:
        if self._terms.ledger is None:
            return None
        keeper = LedgerKeeper(self._terms.ledger, series, self._tell)
        keeper.start()
        return keeper

    def _series(
        self, target: Target, model: str, engine: Engine, *, price: Price | None, count: int, gpu: str | None
    ) -> Series:
        source = self._terms.gpu_source
        names = {each.name for each in source.latest().gpus} if source is not None else set()
        return Series(
            model_name=model,
            gpu_name=", ".join(sorted(names)) or gpu or "",
            gpus=count,
            basis="" if price is None else price.basis,
            price_source="" if price is None else price.source,
            price_as_of="" if price is None else price.as_of,
            usd_per_hour=0.0 if price is None else sum(price.usd_per_hour_by_component.values()),
            host=socket.gethostname() if target.is_local else target.instance,
            version=vllm_costmeter.__version__,
            vllm_version="" if engine.prefix.endswith(("vllm:", "vllm_")) else engine.title,
            gpu_share=1.0 if price is None else price.gpu_share,
        )


def _price(settings: Settings, gpu: GpuSpec | None, count: int, source: GpuSource | None) -> Price | None:
    readings = () if source is None else source.latest().gpus
    share = server_share(readings, settings.mig_share, settings.gpu_share, gpu.mig_instances if gpu else None)
    return choose_price(settings, count, default_price(gpu) if gpu else None, share)


def _meter(
    settings: Settings, price: Price | None, gpu: GpuSpec | None, count: int, server: ScrapedServer
) -> Meter:
    return Meter(
        engine_indexes=server.indexes,
        gpus_per_engine=count // len(server.indexes),
        price=price,
        grid_gco2e_per_kwh=settings.carbon_gco2e_per_kwh,
        tdp_watts=gpu.tdp_watts if gpu else None,
    )


def _terms_in_words(price: Price | None, count: int) -> str:
    gpus = f"{count} GPU{'s' * (count != 1)}"
    if price is None:
        return f"{gpus}, no price: tokens but no dollars until --gpu-hourly-usd is set"
    rate = sum(price.usd_per_hour_by_component.values())
    return f"{gpus} at ${rate:.4g}/h in total ({price.basis}, from {price.source})"
