"""How a target's meter begins: its model, its GPUs, their price, its ledger."""

from __future__ import annotations

import socket
from collections.abc import Callable
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
from vllm_costmeter.exporting.claims import Claims
from vllm_costmeter.metering.ledger_keeper import LedgerKeeper
from vllm_costmeter.metering.target_meter import TargetMeter
from vllm_costmeter.outputs.metrics.exposition import ServerFacts
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


class Beginning:
    """The same for every target of an exporter."""

    def __init__(self, terms: Terms, tell: Callable[[str], None]) -> None:
        self._terms = terms
        self._tell = tell
        self._claims = None if terms.ledger is None else Claims(terms.ledger)

    def end(self, target: Target) -> None:
        """It is no longer metered here."""
        if self._claims is not None:
            self._claims.release(target)

    def begin(self, target: Target, sample: EngineSample, now: float, unix: float) -> TargetMeter:
        """The meter of a target, from its first page on. Raises PageError for a number of GPUs that cannot be right,
        and for settings of the target that do not go with the others."""
        try:
            settings = self._terms.settings(target)
            gpu = self._gpu(settings)
        except BadInputError as why:
            raise PageError("settings", f"{target.url}: {why}") from None
        engine = BY_KEY[sample.engine]
        model = model_of(target, sample)
        known = target.gpus or self._terms.gpus
        count = known or len(sample.engines)
        if count % len(sample.engines):
            raise PageError(
                "gpus",
                f"{target.url} has {len(sample.engines)} data-parallel engines, no divisor of {count} GPUs: set --gpus",
            )
        if self._claims is not None and not self._claims.claim(target):
            raise PageError(
                "duplicate",
                f"{target.url} is metered by another exporter into {self._terms.ledger}, and would be charged twice: "
                "end that one, or name another file with --ledger",
            )
        price = _price(settings, gpu, count, self._terms.gpu_source)
        self._tell(
            f"{target.url} is {engine.title} with the model {model}, {_terms_in_words(price, count, known)}"
        )
        if sample.has_plugin:
            self._tell(
                f"{target.url} publishes costmeter's metrics itself, by the plugin: a dashboard, ledger or Prometheus "
                "that has both counts it twice"
            )
        return TargetMeter(
            engine,
            sample,
            partial(_meter, settings, price, gpu, count),
            facts=ServerFacts(
                model_name=model,
                version=vllm_costmeter.__version__,
                vllm_version=_release(engine),
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
            vllm_version=_release(engine),
            gpu_share=1.0 if price is None else price.gpu_share,
        )


def _release(engine: Engine) -> str:
    """In place of vLLM's release: the name of another engine; empty for vLLM, whose page does not say its release."""
    return "" if engine.prefix.endswith(("vllm:", "vllm_")) else engine.title


def model_of(target: Target, sample: EngineSample) -> str:
    """The `model_name` of its series."""
    return target.model_name or sample.model_name or "unknown"


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


def _terms_in_words(price: Price | None, count: int, known: int | None) -> str:
    gpus = f"{count} GPU{'s' * (count != 1)}{'' if known else ' (assumed: --gpus says how many)'}"
    if price is None:
        return f"{gpus}, no price: tokens but no dollars until --gpu-hourly-usd is set"
    rate = sum(price.usd_per_hour_by_component.values())
    return f"{gpus} at ${rate:.4g}/h in total ({price.basis}, from {price.source})"
