"""The GPU of a check: named, described by its memory, or found in this machine."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.group import LARGEST_GIB, SMALLEST_GIB, GpuGroup
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.sources.gpu.text import split_count

UNIFIED_ONLY_GIB = (119.0, 123.5)
"""Totals that only GPUs with unified memory have (the catalogue, 2026-11): GB10 and Jetson Thor."""


def chosen_gpu(
    name: str | None,
    memory_gib: float | None,
    layout: ParallelConfig,
    *,
    is_spread: bool = False,
    device_ids: Sequence[int | str] | None = None,
) -> GpuGroup:
    """`name` may carry a count ("H100 SXM:8"); without one there are as many GPUs as the layout needs.

    `memory_gib` alone describes an unnamed GPU, or a GB10 or Jetson Thor if only those have so much; with a name it
    replaces the catalogue's memory. `is_spread`: other machines have more of them. `device_ids`: GPUs of this machine,
    as `--device-ids` names them. BadInputError for an unknown or ambiguous name, a count below what the layout needs,
    and where neither is given and no GPU is found here.
    """
    if name is not None and not isinstance(name, str):
        raise BadInputError(f"the GPU must be a name such as 'H100 SXM:8', got {name!r:.80}")
    if memory_gib is not None and not _is_memory(memory_gib):
        raise BadInputError(
            f"a GPU's memory must be {SMALLEST_GIB} to {LARGEST_GIB} GiB, got {memory_gib!r:.80}"
        )
    needed = layout.world_size
    if name is not None:
        gpu = _named(name, memory_gib, needed)
        if needed > gpu.count and not is_spread:
            enough = f"{split_count(name)[0]}:{needed}"
            raise BadInputError(
                f"{layout.needs()}, but {name!r} names {gpu.count}: use {enough!r} or lower the flag"
            )
        return gpu if needed <= gpu.count else replace(gpu, count=needed)
    if memory_gib is not None:
        return _described(memory_gib, needed)
    from vllm_costmeter.sources.gpu.local import local_gpus

    return local_gpus(needed, device_ids=device_ids)[0]


def _described(memory_gib: float, count: int) -> GpuGroup:
    """A GPU known by its memory alone: an unnamed one, or the GPU of unified memory that has so much."""
    found = GpuGroup(f"GPU of {memory_gib:g} GiB", round(memory_gib * GIB), count, source="flag")
    if not UNIFIED_ONLY_GIB[0] <= memory_gib <= UNIFIED_ONLY_GIB[1]:
        return found
    from vllm_costmeter.sources.catalogue.load import load_catalogue

    known = [gpu for gpu in load_catalogue().gpus if gpu.unified_memory and gpu.compute_capability]
    nearest = min(known, key=lambda gpu: abs((gpu.memory_bytes or 0) - found.memory_bytes))
    return replace(
        found, name=f"{found.name} ({nearest.name})", compute_capability=nearest.compute_capability
    )


def _named(name: str, memory_gib: float | None, needed: int) -> GpuGroup:
    from vllm_costmeter.sources.catalogue.load import find_gpu

    bare, count = split_count(name)
    spec = find_gpu(bare)
    is_stated = bare.strip() != name.strip()
    if memory_gib is not None:
        spec = replace(spec, memory_bytes=round(memory_gib * GIB))
    size = max(count, needed) if spec.is_slice else count if is_stated else needed
    gpu = replace(spec.as_gpu(size), is_count_stated=is_stated)
    if spec.is_slice:
        from vllm_costmeter.sources.gpu.slices import price_of

        gpu = replace(gpu, price=price_of(spec))
    return gpu if memory_gib is None else replace(gpu, source="flag", memory_bytes_range=None)


def _is_memory(value: object) -> bool:
    return type(value) in (int, float) and SMALLEST_GIB <= value <= LARGEST_GIB  # type: ignore[operator]
