"""The caches of one DeepSeek V4 layer: window of latents, compressed latents, their indexer, compressor states.

Mirrors `vllm/models/deepseek_v4/{attention,compressor}.py` and `mla/sparse_swa.py` (vLLM 0.32), in the packed fp8
format that FlashMLA reads (compute capability 9.x and 10.x). Latents are whole on every tensor-parallel rank.
"""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.kv_cache.backends import COMPRESSED_BLOCK_TOKENS
from vllm_costmeter.core.kv_cache.layers import KVKind, KVLayer
from vllm_costmeter.core.model.attention import CompressedMla

PAGE_ALIGNMENT_BYTES = 576  # fp8_ds_mla pages are padded to the decode kernel's stride, vLLM 0.32
WINDOW_BLOCK_TOKENS = 64  # DeepseekV4SWACache, vLLM 0.32
STATE_BLOCK_TOKENS = {4: 4, 128: 8}  # CompressorStateCache: compress ratio -> block, vLLM 0.32
INDEXED_RATIO = 4  # layers of this ratio choose tokens with an indexer and overlap their windows, vLLM 0.32


def compressed_layers(cache: CompressedMla, kv_dtype: str) -> tuple[KVLayer, ...]:
    """All caches of one layer. Raises NotUnderstoodError for another cache format or compress ratio."""
    if kv_dtype not in ("auto", "fp8", "fp8_ds_mla"):
        raise NotUnderstoodError(
            f"--kv-cache-dtype {kv_dtype} is not supported for DeepSeek V4; supported: auto, fp8"
        )
    latent = (
        cache.head_dim - cache.rope_head_dim + 2 * cache.rope_head_dim + 8
    )  # fp8 + bf16 rotary part + 8 scales
    window = _aligned(KVKind.SLIDING_MLA, WINDOW_BLOCK_TOKENS, latent, window_tokens=cache.window_tokens)
    ratio = cache.compress_ratio
    if ratio <= 1:
        return (window,)
    if ratio not in STATE_BLOCK_TOKENS:
        raise NotUnderstoodError(f"DeepSeek V4 compress ratio {ratio} is not known; known: 1, 4, 128")
    compressed = _aligned(KVKind.MLA, COMPRESSED_BLOCK_TOKENS, latent, tokens_per_row=ratio)
    layers = (window, compressed, _compressor_state(cache.head_dim, ratio))
    if ratio != INDEXED_RATIO:
        return layers
    key = cache.index_head_dim + cache.index_head_dim // 128 * 4  # fp8 key and a float32 scale per 128 values
    index = _aligned(KVKind.MLA, COMPRESSED_BLOCK_TOKENS, key, tokens_per_row=ratio)
    return (*layers, index, _compressor_state(cache.index_head_dim, ratio))


def _compressor_state(head_dim: int, ratio: int) -> KVLayer:
    """Float32 keys and scores of the open group, twice as many where windows overlap."""
    overlap = 2 if ratio == INDEXED_RATIO else 1
    row = 2 * overlap * head_dim * 4
    return _aligned(KVKind.SLIDING_MLA, STATE_BLOCK_TOKENS[ratio], row, window_tokens=overlap * ratio)


def _aligned(
    kind: KVKind,
    block_tokens: int,
    row_bytes: int,
    *,
    tokens_per_row: int = 1,
    window_tokens: int | None = None,
) -> KVLayer:
    page = block_tokens // tokens_per_row * row_bytes
    padded = -(-page // PAGE_ALIGNMENT_BYTES) * PAGE_ALIGNMENT_BYTES
    return KVLayer(
        kind,
        block_tokens,
        row_bytes,
        tokens_per_row=tokens_per_row,
        padded_page_bytes=None if padded == page else padded,
        window_tokens=window_tokens,
    )
