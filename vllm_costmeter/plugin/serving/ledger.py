"""The ledger of a running server."""

from __future__ import annotations

import atexit
import logging
import socket
from pathlib import Path

import vllm

import vllm_costmeter
from vllm_costmeter.core.gpu.reading import GpuReadings
from vllm_costmeter.core.ledger.rows import Series
from vllm_costmeter.core.pricing.price import Price
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.metering.ledger_keeper import LedgerKeeper
from vllm_costmeter.sources.files.ledger_path import OFF, default_ledger, unwritable
from vllm_costmeter.sources.vllm.config import ServerShape

log = logging.getLogger("vllm.costmeter")


def opened_ledger(
    settings: Settings, shape: ServerShape, price: Price | None, gpus: GpuReadings
) -> LedgerKeeper | None:
    """The keeper of the chosen ledger, or of the default one if that can be written; None, with one line, without
    either. It writes the rest when the process ends."""
    given = settings.ledger
    if given == OFF:
        return None
    path = default_ledger() if given is None else Path(given).expanduser()
    why = unwritable(path)
    if given is None and why is not None:
        log.info("costmeter: no ledger is kept (%s); --costmeter-ledger PATH keeps one across restarts", why)
        return None
    names = ", ".join(sorted({gpu.name for gpu in gpus.gpus}))
    keeper = LedgerKeeper(
        path,
        _series(shape, price, names or settings.gpu or ""),
        lambda line: log.warning("costmeter: %s", line),
    )
    keeper.start()
    atexit.register(keeper.stop)
    log.info("costmeter: costs are kept in %s; `costmeter report` adds them up", path)
    return keeper


def _series(shape: ServerShape, price: Price | None, gpu_name: str) -> Series:
    return Series(
        model_name=shape.model_name,
        gpu_name=gpu_name,
        gpus=shape.gpus_per_engine * len(shape.engine_indexes),
        basis="" if price is None else price.basis,
        price_source="" if price is None else price.source,
        price_as_of="" if price is None else price.as_of,
        usd_per_hour=0.0 if price is None else sum(price.usd_per_hour_by_component.values()),
        host=socket.gethostname(),
        version=vllm_costmeter.__version__,
        vllm_version=vllm.__version__,
        gpu_share=1.0 if price is None else price.gpu_share,
    )
