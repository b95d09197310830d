"""The same work on a cheaper GPU with at least as much memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vllm_costmeter.core.economics.idle.saving import Delays, Saving
from vllm_costmeter.core.gpu.spec import GpuSpec


class PricedGpu(NamedTuple):
    """A GPU at its rental price."""

    spec: GpuSpec
    usd_per_gpu_hour: float


def slowdown(now: GpuSpec, other: GpuSpec) -> float | None:
    """How much longer a request takes at most: by memory bandwidth (decode) or 16-bit rate (prefill), whichever is
    further behind. None if a rate is not known."""
    rates = [
        (now.bandwidth_bytes_per_second, other.bandwidth_bytes_per_second),
        (now.bf16_flops_per_second, other.bf16_flops_per_second),
    ]
    if any(not one or not two for one, two in rates):
        return None
    return max(1.0, *(one / two for one, two in rates if one and two))


def cheaper_gpus(
    now: PricedGpu, others: Iterable[PricedGpu], *, usd: float, busy_share: float
) -> Iterator[Saving]:
    """Each GPU of the same vendor that costs less, has no less memory, and would have been busy less than all the time.
    No request waits for it, but each may take longer, which the setting says."""
    for other, price in others:
        memory_now, memory = now.spec.memory_bytes, other.memory_bytes
        slower = slowdown(now.spec, other)
        if (
            other.vendor != now.spec.vendor
            or other.is_slice
            or not memory_now
            or not memory
            or memory < memory_now
        ):
            continue
        if slower is None or price >= now.usd_per_gpu_hour or busy_share * slower >= 1:
            continue
        setting = other.name if slower == 1.0 else f"{other.name}, up to {slower:.1f}x slower"
        yield Saving(
            "cheaper_gpu", setting, usd * (1 - price / now.usd_per_gpu_hour), Delays(), 0, on_the_bill=True
        )
