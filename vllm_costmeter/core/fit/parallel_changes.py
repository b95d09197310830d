"""Changes to try: the same model on other numbers of GPUs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.change import Change
from vllm_costmeter.core.gpu.group import GpuGroup

LARGEST_NODE_GPUS = 8
WIDEST_SPLIT = 128
"""More heads than any published model has. Without a limit, a mistyped size would make the search endless."""


def doublings(engine_args: EngineArgs) -> list[int]:
    """Tensor-parallel sizes of 2, 4 and 8 times the given one, up to one node."""
    size = engine_args.layout.tensor_parallel_size
    return [size * factor for factor in (2, 4, 8) if size * factor <= LARGEST_NODE_GPUS]


def wider_layouts(gpu: GpuGroup, engine_args: EngineArgs, sizes: Iterable[int]) -> Iterator[Change]:
    """Larger tensor-parallel sizes for which GPUs can exist.

    GPUs found by NVML limit the size to their count; if the count was only stated, the change raises it.
    """
    layout = engine_args.layout
    others = layout.pipeline_parallel_size * layout.data_parallel_size
    for size in () if gpu.is_slice else sizes:
        if size * others > (gpu.count if gpu.is_local else LARGEST_NODE_GPUS):
            return
        wider = replace(engine_args, layout=replace(layout, tensor_parallel_size=size))
        change, arguments = {"tensor_parallel_size": size}, f"--tensor-parallel-size {size}"
        count = max(gpu.count, size * others)
        if gpu.is_count_stated and count > gpu.count:
            change, arguments = {**change, "gpu_count": count}, f'--gpu "{gpu.name}:{count}" {arguments}'
        yield Change(change, arguments, replace(gpu, count=count), wider)


def narrower_layouts(gpu: GpuGroup, engine_args: EngineArgs) -> Iterator[Change]:
    """Smaller tensor-parallel sizes that the available GPUs allow, largest first."""
    layout = engine_args.layout
    others = layout.pipeline_parallel_size * layout.data_parallel_size
    largest = min(layout.tensor_parallel_size - 1, gpu.count // others, WIDEST_SPLIT)
    for size in range(largest, 0, -1):
        narrower = replace(engine_args, layout=replace(layout, tensor_parallel_size=size))
        yield Change({"tensor_parallel_size": size}, f"--tensor-parallel-size {size}", gpu, narrower)


def whole_experts(gpu: GpuGroup, engine_args: EngineArgs) -> Iterator[Change]:
    """The layout with whole experts on each GPU instead of a share of every expert."""
    if not engine_args.layout.enable_expert_parallel:
        layout = replace(engine_args.layout, enable_expert_parallel=True)
        whole = replace(engine_args, layout=layout)
        yield Change({"enable_expert_parallel": True}, "--enable-expert-parallel", gpu, whole)


def unsplit_layouts(gpu: GpuGroup, engine_args: EngineArgs) -> Iterator[Change]:
    """The layout without context parallelism, and the layout without pipeline stages."""
    for name in ("decode_context_parallel_size", "pipeline_parallel_size"):
        if getattr(engine_args.layout, name) > 1:
            change: dict[str, Any] = {name: 1}
            unsplit = replace(engine_args, layout=replace(engine_args.layout, **change))
            yield Change(change, f"--{name.replace('_', '-')} 1", gpu, unsplit)


def enough_gpus(gpu: GpuGroup, engine_args: EngineArgs, count: int) -> Iterator[Change]:
    """As many of the same GPUs as the layout needs, if their number was only stated."""
    if not gpu.is_local and not gpu.is_slice:
        change = {"gpu": gpu.name, "gpu_count": count}
        yield Change(change, f'--gpu "{gpu.name}:{count}"', replace(gpu, count=count), engine_args)
