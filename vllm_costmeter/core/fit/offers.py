"""The cheapest GPUs in the catalogue on which a refused deployment fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.change import Change
from vllm_costmeter.core.fit.parallel_changes import (
    LARGEST_NODE_GPUS,
)
from vllm_costmeter.core.fit.result import Fit, Suggestion
from vllm_costmeter.core.fit.trial import Trials
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import GIB

NODES = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class RentalOffer:
    """One GPU to rent, and its price."""

    gpu: GpuGroup
    usd_per_gpu_hour: float | None = None
    as_of: str = ""
    """Date of the price."""
    is_stale: bool = False
    """Whether it is too old to be taken without a word."""


def cheapest_offer(
    result: Fit, trials: Trials, engine_args: EngineArgs, offers: Sequence[RentalOffer]
) -> list[Suggestion]:
    """The cheapest GPUs in the catalogue on which the model fits, with more tensor parallelism if needed.

    If it fits on none, the cheapest with a shorter context. Several nodes, as pipeline stages, are tried only
    if no single node fits any context. Empty if nothing fits.
    """
    for nodes in NODES:
        shorter: list[Suggestion] = []
        for change in sorted(
            _offered(result, engine_args, offers, nodes), key=lambda each: each.usd_per_hour or 0.0
        ):
            judged = trials.tried(change)
            if trials.is_enough(judged):
                return judged
            shorter = shorter or judged
        if shorter:
            return shorter
    return []


def larger_slices(result: Fit, engine_args: EngineArgs, slices: Sequence[RentalOffer]) -> Iterator[Change]:
    """The larger MIG slices of the same GPU, smallest first; a price is not needed."""
    for offer in sorted(slices, key=lambda each: each.gpu.memory_bytes):
        if offer.gpu.memory_bytes > result.gpu.memory_bytes:
            yield _on(offer, engine_args, 1, {}, result)


def _offered(
    result: Fit, engine_args: EngineArgs, offers: Sequence[RentalOffer], nodes: int
) -> Iterator[Change]:
    layout = engine_args.layout
    others = layout.pipeline_parallel_size * layout.data_parallel_size
    sizes = [1 if result.reason == "tensor_parallel" else layout.tensor_parallel_size]
    while 2 * sizes[-1] * others <= max(LARGEST_NODE_GPUS, result.engine.world_size):
        sizes.append(2 * sizes[-1])
    for offer in offers:
        if offer.usd_per_gpu_hour is None or offer.gpu.name == result.gpu.name:
            continue
        for size in sizes if nodes == 1 else sizes[-1:]:
            changed: dict[str, Any] = {}
            if size != layout.tensor_parallel_size:
                changed["tensor_parallel_size"] = size
            if nodes > 1:
                changed["pipeline_parallel_size"] = layout.pipeline_parallel_size * nodes
            yield _on(
                offer,
                replace(engine_args, layout=replace(layout, **changed)),
                size * others * nodes,
                changed,
                result,
            )


def _on(
    offer: RentalOffer, engine_args: EngineArgs, count: int, changed: Mapping[str, Any], result: Fit
) -> Change:
    """The deployment on `count` offered GPUs; --gpu-memory-gib is repeated for them if it was given."""
    words = [f'--gpu "{offer.gpu.name}{f":{count}" if count > 1 else ""}"']
    if result.gpu.source == "flag":
        words.append(f"--gpu-memory-gib {offer.gpu.memory_bytes / GIB:.9g}")
    words += [f"--{name.replace('_', '-')} {size}" for name, size in changed.items()]
    return Change(
        {"gpu": offer.gpu.name, "gpu_count": count, **changed},
        " ".join(words),
        replace(offer.gpu, count=count),
        engine_args,
        None if offer.usd_per_gpu_hour is None else round(offer.usd_per_gpu_hour * count, 4),
        price_as_of=offer.as_of,
        is_price_stale=offer.is_stale,
    )
