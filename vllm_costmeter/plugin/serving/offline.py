"""The meter of an offline engine (`LLM(...)`) in a process where the meter is on, such as under `costmeter run`."""

from __future__ import annotations

import atexit
import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

from vllm_costmeter.core.gpu.share import server_share
from vllm_costmeter.core.meter import Meter
from vllm_costmeter.core.pricing.choice import choose_price
from vllm_costmeter.metering.offline_meter import OfflineMeter
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.ledger import opened_ledger
from vllm_costmeter.plugin.serving.phase_split import phase_split
from vllm_costmeter.plugin.serving.served_gpu import served_gpu
from vllm_costmeter.plugin.starting import boot_facts
from vllm_costmeter.plugin.starting.server_settings import chosen_settings
from vllm_costmeter.sources.catalogue.load import default_price
from vllm_costmeter.sources.gpu.server_gpus import server_gpus
from vllm_costmeter.sources.vllm.config import server_shape
from vllm_costmeter.sources.vllm.offline_engine import OfflineEngine

log = logging.getLogger("vllm.costmeter")


def meter_offline_engines() -> None:
    """Meter every LLMEngine that is made in this process from now on. `vllm serve` has none."""
    module = sys.modules.get("vllm.v1.engine.llm_engine")
    engine = getattr(module, "LLMEngine", None)
    if engine is not None and not hasattr(engine.__init__, "_costmeter"):
        engine.__init__ = _metered(engine.__init__)


def _metered(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def init_metered(engine: Any, *args: Any, **kwargs: Any) -> None:
        original(engine, *args, **kwargs)
        try:
            _start(engine)
        except Exception:
            FAULTS.add("start")
            log.exception("costmeter could not start; the batch continues without it")

    init_metered._costmeter = True  # type: ignore[attr-defined]
    return init_metered


def _start(engine: Any) -> None:
    config = engine.vllm_config
    shape = server_shape(config, (0,))
    settings = chosen_settings(config.additional_config)
    gpus = server_gpus(
        shape.local_gpus,
        source=settings.gpu_source,
        metrics_url=settings.gpu_metrics_url,
        device_ids=shape.device_ids,
        may_be_elsewhere=shape.may_be_elsewhere,
    )
    gpu = served_gpu(settings, gpus, boot_facts.checked())
    quote = None if gpu is None else default_price(gpu)
    share = server_share(
        gpus.latest().gpus, settings.mig_share, settings.gpu_share, gpu.mig_instances if gpu else None
    )
    price = choose_price(settings, shape.gpus_per_engine, quote, share)
    ledger = opened_ledger(settings, shape, price, gpus.latest())
    meter = Meter(
        engine_indexes=(0,),
        gpus_per_engine=shape.gpus_per_engine,
        price=price,
        split=phase_split(config, shape, gpu),
        grid_gco2e_per_kwh=settings.carbon_gco2e_per_kwh,
        tdp_watts=gpu.tdp_watts if gpu else None,
    )
    running = OfflineMeter(OfflineEngine(engine, _fault), meter, _fault, gpus.latest, ledger)
    running.start()
    atexit.register(running.stop)  # after the ledger's, so before it


def _fault(fault: Exception) -> None:
    FAULTS.add("hook")
    log.warning("costmeter: %s", fault, exc_info=fault)
