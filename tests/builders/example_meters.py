"""Meters of rented GPUs, and sums over what they read."""

from __future__ import annotations

import math

from vllm_costmeter.core.meter import GpuRates, Meter, MeterReading, ModelWork, PhaseSplit
from vllm_costmeter.core.pricing.price import rental_price

LLAMA_8B = ModelWork(active_parameters=8_030_261_248, weight_bytes=16_060_522_496, kv_bytes_per_token=131_072)
RTX_4090 = GpuRates(165.2e12, 1008e9)


def meter_at(usd_per_gpu_hour: float, engines: int = 1, gpus_per_engine: int = 1) -> Meter:
    """A meter of rented GPUs with a known model and GPU."""
    return Meter(
        engine_indexes=range(engines),
        gpus_per_engine=gpus_per_engine,
        price=rental_price(usd_per_gpu_hour=usd_per_gpu_hour, gpus=engines * gpus_per_engine, source="flag"),
        split=PhaseSplit(LLAMA_8B, RTX_4090),
    )


def cost(reading: MeterReading, state: str | None = None) -> float:
    """Dollars of one state, or of all."""
    return math.fsum(usd for (in_state, _), usd in reading.cost_usd.items() if state in (None, in_state))


def phase_cost(reading: MeterReading) -> float:
    """Dollars of all phases."""
    return math.fsum(reading.phase_cost_usd.values())
