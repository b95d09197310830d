"""`measure(llm)`: what an offline batch costs, from inside the engine."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.reading import GpuSource
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.core.meter import Meter
from vllm_costmeter.core.pricing.choice import choose_price
from vllm_costmeter.core.pricing.price import Price, node_price
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.metering.offline_meter import OfflineMeter
from vllm_costmeter.outputs.report.batch import batch_text, batch_values
from vllm_costmeter.sources.catalogue.load import default_price, gpu_for_nvml_name
from vllm_costmeter.sources.gpu.server_gpus import server_gpus
from vllm_costmeter.sources.vllm.config import server_shape
from vllm_costmeter.sources.vllm.offline_engine import OfflineEngine

LONGEST_WAIT_FOR_DRIVER_SECONDS = 3.0
log = logging.getLogger("vllm.costmeter")


class MeasuredCost:
    """What was spent from the beginning of `with measure(llm)` to its end, or to now while it lasts."""

    def __init__(self, meter: OfflineMeter, price: Price | None) -> None:
        self._meter = meter
        self.price = price
        """None: no price is known, so there are tokens and no dollars."""

    @property
    def seconds(self) -> float:
        """Wall-clock time, to the last second while it lasts."""
        return self._meter.seconds

    @property
    def usage(self) -> Usage:
        """Dollars by state, GPU seconds, tokens by kind, energy and requests."""
        return self._meter.usage

    @property
    def usd(self) -> float | None:
        """The bill; None without a price."""
        return None if self.price is None else self.usage.usd()

    @property
    def usd_per_million_tokens(self) -> float | None:
        """Of all tokens; None without a price or tokens."""
        return self._per_million(self.usage.tokens)

    @property
    def usd_per_million_generated_tokens(self) -> float | None:
        """Of generated tokens, the figure that is usually published; None without a price or tokens."""
        return self._per_million(self.usage.generated_tokens)

    @property
    def idle_share(self) -> float:
        """The share of the time in which no request was running, 0 to 1."""
        usage = self.usage
        return usage.idle_gpu_seconds / usage.gpu_seconds if usage.gpu_seconds else 0.0

    @property
    def joules(self) -> float | None:
        """Measured energy of the GPUs; None if no driver reports any."""
        return self.usage.joules or None

    def to_json(self) -> str:
        """One object of the schema `costmeter.batch/1`."""
        return json.dumps(batch_values(self.usage, self.seconds, self.price), indent=2)

    def __str__(self) -> str:
        return batch_text(self.usage, self.seconds, self.price).rstrip()

    def _per_million(self, tokens: int) -> float | None:
        usd = self.usd
        return None if usd is None or not tokens else 1e6 * usd / tokens


@contextmanager
def measure(llm: Any, usd_per_hour: float | None = None) -> Iterator[MeasuredCost]:
    """Measure everything that `llm` (a `vllm.LLM`) does in the block, whether it succeeds, fails or is interrupted.

    `usd_per_hour`: the price of all its GPUs together; None: the catalogue's dated price for GPUs that NVML names.
    BadInputError (a ValueError) for anything that is no LLM, a price that is not above 0, or while requests are
    running.
    """
    engine = getattr(llm, "llm_engine", None)
    if engine is None or not hasattr(engine, "output_processor"):
        raise BadInputError(f"measure() needs a vllm.LLM, got {type(llm).__name__}")
    if usd_per_hour is not None and not 0 < usd_per_hour < 1e9:
        raise BadInputError(f"usd_per_hour must be above 0, got {usd_per_hour!r}")
    shape = server_shape(engine.vllm_config, (0,))
    gpus = server_gpus(shape.local_gpus, device_ids=shape.device_ids)
    price = _price(usd_per_hour, shape.gpus_per_engine, gpus)
    meter = Meter(engine_indexes=(0,), gpus_per_engine=shape.gpus_per_engine, price=price)
    running = OfflineMeter(
        OfflineEngine(engine, _tell),
        meter,
        _tell,
        gpus.latest,
    )
    running.start()
    try:
        yield MeasuredCost(running, price)
    finally:
        running.stop()
        gpus.close()


def _tell(fault: Exception) -> None:
    log.warning("costmeter: %s", fault, exc_info=fault)


def _price(usd_per_hour: float | None, gpus: int, reader: GpuSource) -> Price | None:
    if usd_per_hour is not None:
        return node_price(usd_per_hour=usd_per_hour, source="argument")
    deadline = time.monotonic() + LONGEST_WAIT_FOR_DRIVER_SECONDS
    while reader.latest().read_monotonic_seconds is None and time.monotonic() < deadline:
        time.sleep(0.05)
    for reading in reader.latest().gpus:
        spec = gpu_for_nvml_name(reading.name, reading.memory_total_bytes)
        quote = None if spec is None else default_price(spec)
        if quote is not None:
            return choose_price(Settings(), gpus, quote)
    return None
