"""Memory of the process other than weights and activations: CUDA context and NCCL."""

from __future__ import annotations

from vllm_costmeter.core.engine.config import EngineConfig
from vllm_costmeter.core.engine.release_rules import EngineRules
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import ByteRange, gib

CONTEXT_GIB = (0.25, 0.51, 0.70)
"""Memory that the driver uses on an idle GPU (least, usual, most): 79.19 GiB total, 78.68 GiB free in 36
starts of 0.19.0 on H100."""


AMD_NAMES = ("mi", "rx ", "radeon", "amd", "instinct", "strix")
"""How the names of AMD's GPUs begin, in the catalogue and from their driver."""
ROCM_GIB = (0.2, 0.9, 1.8)
"""Modules and workspaces of HIP: 1.16 GiB left by the other rules on an MI300X with 0.23, 1.7 with 0.29.1, 0.56
with 0.28 on a ROCm GPU of 80 GiB (2026-07 to 2026-09)."""

WIDE_GPUS, WIDE_MOST_GIB = 8, 3.0  # 2 to 3 GiB logged at TP 8
WITHOUT_SAMPLER_GIB = 0.07  # pipeline ranks of 0.19.0 on H100 that run no sampler


def non_torch(
    engine: EngineConfig, rules: EngineRules, gpu: GpuGroup, *, is_moe: bool, is_last_rank: bool
) -> ByteRange:
    """Bytes outside PyTorch's allocator: CUDA context and modules, NCCL, custom all-reduce.

    Data-parallel copies are linked where experts are exchanged, with expert parallelism or without
    (fused_moe/all2all_utils.py, 0.17 to 0.33); copies of a dense model are engines of their own.
    """
    if gpu.unified is not None:
        from vllm_costmeter.core.memory.unified import unified_non_torch

        return unified_non_torch(gpu)
    low, value, high = rules.one_gpu_gib
    rule = f"CUDA context and modules: {rules.evidence}"
    layout = engine.layout
    linked = layout.tensor_parallel_size * (layout.data_parallel_size if is_moe else 1)
    if linked > 1:
        from vllm_costmeter.core.memory.links import SINCE, link_memory

        (low, value, high), evidence = rules.several_gpus_gib, rules.evidence
        link = link_memory(gpu, linked) if rules.since >= SINCE else None
        if link is not None:
            (low, value, high), evidence = link.gib, link.evidence
        rule = f"NCCL: {evidence}"
        if linked >= WIDE_GPUS:
            high = max(high, WIDE_MOST_GIB)
    elif not is_last_rank:
        value = min(value, WITHOUT_SAMPLER_GIB)
    elif is_amd(gpu):
        (low, value, high), rule = ROCM_GIB, "HIP modules and workspaces, logged on MI300X"
    elif gpu.compute_capability is not None:
        known = rules.one_gpu_gib_by_capability.get(gpu.compute_capability)
        low, value, high = known or (low, value, high)
    return ByteRange(gib(value), gib(min(low, value)), gib(high), rule)


def is_amd(gpu: GpuGroup) -> bool:
    """Whether the GPU runs ROCm, by its name: a group has no vendor."""
    return gpu.compute_capability is None and gpu.name.casefold().startswith(AMD_NAMES)


def free_memory(gpu: GpuGroup) -> ByteRange:
    """Free bytes in vLLM's first snapshot: those free now, or the whole GPU, minus vLLM's CUDA context."""
    if gpu.unified is not None and gpu.free_bytes is None:
        from vllm_costmeter.core.memory.unified import unified_free

        return unified_free(gpu)
    free = gpu.memory_bytes if gpu.free_bytes is None else min(gpu.free_bytes, gpu.memory_bytes)
    most, usual, least = (max(free - gib(context), 0) for context in CONTEXT_GIB)
    measured = "free now" if gpu.free_bytes is not None else "the GPU"
    return ByteRange(usual, least, most, f"{measured} less {CONTEXT_GIB[1]} GiB of CUDA context")
