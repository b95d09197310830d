"""Tensor- and context-parallel sizes that vLLM refuses because heads or channels are not divisible."""

from __future__ import annotations

from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.model.attention import (
    Cache,
    ChunkedLocal,
    CrossAttention,
    FullAttention,
    GatedDeltaState,
    KimiDeltaState,
    LightningState,
    Mamba1State,
    Mamba2State,
    ModelAttention,
    RegionAttention,
    ShortConvState,
    SlidingWindow,
)


def tensor_parallel_fault(model: ModelAttention, tensor_parallel_size: int) -> str | None:
    """Why vLLM refuses this tensor-parallel size for this model, in one line; None if it does not.

    Query heads must be divisible (`ModelConfig.verify_with_parallel_config`); KV heads must be divisible or divide the
    size, and are then replicated (`QKVParallelLinear`); recurrent heads and channels must be divisible (`mamba_utils`).
    vLLM 0.32.
    """
    size = tensor_parallel_size
    if model.num_attention_heads % size:
        return (
            f"{model.num_attention_heads} attention heads are not divisible by --tensor-parallel-size {size}"
        )
    for cache in dict.fromkeys(cache for caches in model.layers for cache in caches):
        fault = _fault(cache, size)
        if fault is not None:
            return f"{fault} are not divisible by --tensor-parallel-size {size}"
    return None


def context_parallel_fault(model: ModelAttention, layout: ParallelConfig) -> str | None:
    """Why vLLM refuses this decode-context-parallel size, in one line: its ranks split what tensor parallelism would
    replicate (`ModelConfig.verify_with_parallel_config`, 0.32). None if it does not, as for latents."""
    tensor, context = layout.tensor_parallel_size, layout.decode_context_parallel_size
    flag = f"--decode-context-parallel-size {context}"
    if context == 1:
        return None
    for heads in sorted(
        {
            cache.num_kv_heads
            for caches in model.layers
            for cache in caches
            if isinstance(cache, FullAttention)
        }
    ):
        if context * heads > tensor:
            return (
                f"{flag} needs --tensor-parallel-size {context * heads} or more: there are {heads} KV heads"
            )
        if model.num_attention_heads // heads % context:
            return f"{model.num_attention_heads // heads} query heads per KV head are not divisible by {flag}"
    return None


def _fault(cache: Cache, size: int) -> str | None:
    match cache:
        case FullAttention(sink_tokens=sinks, num_kv_heads=heads) if sinks and heads % size:
            return f"{heads} KV heads with sinks of their own"
        case FullAttention() | SlidingWindow() | ChunkedLocal() | CrossAttention() | RegionAttention():
            heads = cache.num_kv_heads
            return f"{heads} KV heads" if heads % size and size % heads else None
        case Mamba1State():
            return f"{cache.intermediate_size} Mamba channels" if cache.intermediate_size % size else None
        case Mamba2State():
            if cache.num_groups % size and cache.num_groups != 1:
                return f"{cache.num_groups} Mamba groups"
            return f"{cache.num_heads} Mamba heads" if cache.num_heads % size else None
        case GatedDeltaState():
            odd = cache.num_v_heads % size or cache.num_k_heads % size
            return f"{cache.num_k_heads} and {cache.num_v_heads} linear-attention heads" if odd else None
        case KimiDeltaState() | LightningState():
            return f"{cache.num_heads} linear-attention heads" if cache.num_heads % size else None
        case ShortConvState():
            return f"{cache.channels} convolution channels" if cache.channels % size else None
        case _:
            return None
