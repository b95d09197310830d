"""The caches of one DeepSeek V4.1 layer: its window of latents and, in a source layer, what later layers read too.

Mirrors `vllm/models/deepseek_v41/{attention,compressor}.py` and `nvidia/flash_mla_mega_attn.py` (vLLM 0.30 to 0.33).
Latents are whole on every tensor-parallel rank. The indexer's keys are fp8 (`--attention-config` may set MXFP4).
"""

from __future__ import annotations

from math import lcm

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.kv_cache.backends import BLACKWELL
from vllm_costmeter.core.kv_cache.layers import KVKind, KVLayer
from vllm_costmeter.core.model.attention import LayerCaches, SourcedMla

WINDOW_BLOCK_TOKENS = 32
MXFP8_BYTES, NVFP4_BYTES = 528, 288  # a latent of 512 values on compute capability 10.x, scales included
MXFP8_ALIGNMENT_BYTES, V4_ALIGNMENT_BYTES = 512, 576
LEAST_RING_ROWS = 8
_WIDTH = 512  # the only latent that vLLM's compressor takes
_PACKED = ("auto", "fp8", "fp8_ds_mla", "nvfp4_ds_mla")


def sourced_layers(
    cache: SourcedMla,
    kv_dtype: str,
    *,
    block_tokens: int,
    major: int,
    tensor_parallel_size: int,
    speculative_tokens: int,
    packs_pools: bool,
    aligns_windows: bool,
) -> tuple[KVLayer, ...]:
    """All caches of one layer. Raises BadInputError for a cache format that vLLM refuses here, NotUnderstoodError for
    another latent."""
    if cache.head_dim != _WIDTH:
        raise NotUnderstoodError(
            f"DeepSeek V4.1 latents of {cache.head_dim} values are not known; known: {_WIDTH}"
        )
    if kv_dtype not in _PACKED or (kv_dtype == "nvfp4_ds_mla" and not (packs_pools and major == BLACKWELL)):
        raise BadInputError(
            f"--kv-cache-dtype {kv_dtype}: DeepSeek V4.1 takes auto, fp8 and fp8_ds_mla, and nvfp4_ds_mla on compute "
            "capability 10.x from 0.31"
        )
    is_mxfp8 = major == BLACKWELL
    is_nvfp4 = is_mxfp8 and packs_pools and _is_nvfp4(cache, kv_dtype, tensor_parallel_size)
    row = MXFP8_BYTES if is_mxfp8 else cache.head_dim + cache.rope_head_dim + 8
    pooled = NVFP4_BYTES if is_nvfp4 else row
    alignment = MXFP8_ALIGNMENT_BYTES if is_mxfp8 else V4_ALIGNMENT_BYTES
    window = _aligned(
        KVLayer(
            KVKind.SLIDING_MLA,
            WINDOW_BLOCK_TOKENS,
            row,
            window_tokens=cache.window_tokens,
            stride_bytes=lcm(row, pooled) if is_mxfp8 and aligns_windows else 1,
        ),
        alignment,
    )
    if not cache.is_source:
        return (window,)
    keys = cache.index_head_dim + cache.index_head_dim // 128 * 4
    stored = [
        _aligned(KVLayer(KVKind.MLA, block_tokens, width, tokens_per_row=cache.pooled_tokens), alignment)
        for width in (pooled, keys)
    ]
    if cache.pooled_tokens > 1:
        stored.append(KVLayer(KVKind.RING, _ring_rows(speculative_tokens), 2 * cache.head_dim * 4))
    return (window, *stored)


def check_sources(layers: tuple[LayerCaches, ...]) -> None:
    """BadInputError where a layer of this pipeline rank reads a cache of an earlier rank."""
    has_source = False
    for cache in (cache for caches in layers for cache in caches if isinstance(cache, SourcedMla)):
        has_source = has_source or cache.is_source
        if cache.pooled_tokens and not has_source:
            raise BadInputError(
                "--pipeline-parallel-size: vLLM refuses a cut between DeepSeek V4.1 layers that share a cache; "
                "another size or VLLM_PP_LAYER_PARTITION may cut elsewhere"
            )


def _is_nvfp4(cache: SourcedMla, kv_dtype: str, tensor_parallel_size: int) -> bool:
    if kv_dtype in ("auto", "fp8"):
        return cache.mega_groups > 0 and cache.mega_groups % tensor_parallel_size == 0
    return kv_dtype == "nvfp4_ds_mla"


def _ring_rows(speculative_tokens: int) -> int:
    """Float32 rows of the open group: drafted tokens, one more and the row before, a power of two
    (CompressorStateCache)."""
    return max(LEAST_RING_ROWS, 1 << (speculative_tokens + 1).bit_length())


def _aligned(layer: KVLayer, alignment: int) -> KVLayer:
    from vllm_costmeter.core.dataclass import replace

    page = layer.unpadded_page_bytes
    padded = -(-page // alignment) * alignment
    return layer if padded == page else replace(layer, padded_page_bytes=padded)
