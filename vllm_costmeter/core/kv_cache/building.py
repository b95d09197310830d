"""The cache layers of one attention layer on one rank: bytes, blocks and shapes, for a given cache format.

Mirrors the `get_kv_cache_spec` of vLLM's attention layers (read in 0.32).
"""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.kv_cache.dtypes import StateFormat, key_value_bytes, latent_bytes
from vllm_costmeter.core.kv_cache.layers import KVKind, KVLayer
from vllm_costmeter.core.model.attention import (
    Cache,
    ChunkedLocal,
    CompressedMla,
    CrossAttention,
    FullAttention,
    GatedDeltaState,
    KimiDeltaState,
    Mamba2State,
    MlaLatent,
    OpenPool,
    RecurrentState,
    RegionAttention,
    ShortConvState,
    ShortConvWindow,
    SlidingWindow,
    SourcedMla,
    SparseIndexer,
)

BFLOAT16_BYTES = 2


@dataclass(frozen=True, slots=True)
class CacheFormat:
    """Everything needed to turn an attention layer into bytes on one rank."""

    dtype: str
    kv_dtype: str
    block_tokens: int
    tensor_parallel_size: int
    states: StateFormat
    aligns_rows: bool
    """Whether blocks over all layers are whole rows of sparse latents."""
    packs_pools: bool
    """Whether DeepSeek V4.1's pooled latents may be NVFP4."""
    aligns_windows: bool
    """Whether blocks over all layers are whole rows of DeepSeek V4.1's windows too."""
    pools_windows: bool
    """Whether the window of a layer that pools tokens is counted in pooled ones."""
    major: int
    """Of the GPU's compute capability, where rows differ by it."""
    state_page_bytes: int | None = None
    """Page that recurrent layers are padded to in a hybrid model; None: their own size."""
    state_blocks: int = 1
    checkpointed: frozenset[str] = frozenset()
    """Layers that keep a state in the middle of a prefill, under the names of `KVRules.prefill_checkpoints`."""
    state_per_block: bool = False
    lone_state_block_tokens: int | None = None
    """Block of the states on a pipeline rank without attention, if vLLM aligns blocks per rank: nothing enlarges it
    there. None: as on the other ranks."""


def without_attention(form: CacheFormat) -> CacheFormat:
    """How a pipeline rank without attention layers stores recurrent layers: in pages of their own size."""
    if form.lone_state_block_tokens is None:
        return form
    return replace(form, block_tokens=form.lone_state_block_tokens, state_page_bytes=None)


def cache_layers(cache: Cache, form: CacheFormat) -> tuple[KVLayer, ...]:
    match cache:
        case FullAttention() | SlidingWindow() | ChunkedLocal() | CrossAttention():
            return (_heads(cache, form),)
        case MlaLatent(kv_lora_rank=rank, qk_rope_head_dim=rope):
            if not rope and form.kv_dtype.endswith("_ds_mla"):
                raise NotUnderstoodError(
                    f"--kv-cache-dtype {form.kv_dtype}: packed latents without positions are not modelled"
                )
            row = latent_bytes(rank + rope, form.kv_dtype, form.dtype)
            stride = row if form.aligns_rows else 1
            return (KVLayer(KVKind.MLA, form.block_tokens, row, (rank + rope,), stride_bytes=stride),)
        case SparseIndexer(head_dim=head_dim, element_bytes=element_bytes):
            scaled = head_dim + head_dim // 128 * 4  # fp8 key and a float32 scale per 128 values (vLLM 0.32)
            row = scaled if element_bytes is None else head_dim * element_bytes
            return (
                KVLayer(KVKind.MLA, form.block_tokens, row, (head_dim,), tokens_per_row=cache.pooled_tokens),
            )
        case OpenPool(values=values, pooled_tokens=pooled):
            return (KVLayer(KVKind.RING, _ring(pooled, form), values * BFLOAT16_BYTES, (values,)),)
        case ShortConvWindow(kernel=kernel):
            return (_conv_window(cache, form.tensor_parallel_size, kernel),)
        case CompressedMla():
            from vllm_costmeter.core.kv_cache.compressed import compressed_layers

            return compressed_layers(cache, form.kv_dtype)
        case RegionAttention():
            from vllm_costmeter.core.kv_cache.regions import region_layers

            return region_layers(
                cache,
                dtype=form.dtype,
                kv_dtype=form.kv_dtype,
                block_tokens=form.block_tokens,
                tensor_parallel_size=form.tensor_parallel_size,
                speculative_tokens=form.states.speculative_tokens,
            )
        case SourcedMla():
            from vllm_costmeter.core.kv_cache.sourced import sourced_layers

            return sourced_layers(
                cache,
                form.kv_dtype,
                block_tokens=form.block_tokens,
                major=form.major,
                tensor_parallel_size=form.tensor_parallel_size,
                speculative_tokens=form.states.speculative_tokens,
                packs_pools=form.packs_pools,
                aligns_windows=form.aligns_windows,
            )
        case _:
            return (_state(cache, form),)


def _heads(
    cache: FullAttention | SlidingWindow | ChunkedLocal | CrossAttention, form: CacheFormat
) -> KVLayer:
    heads = max(1, cache.num_kv_heads // form.tensor_parallel_size)
    size, size_v, window, kind = cache.head_size, cache.head_size, None, KVKind.FULL
    match cache:
        case FullAttention():
            size_v = cache.head_size_v or size
            kind = KVKind.SINK if cache.sink_tokens else kind
        case SlidingWindow():
            size_v, window, kind = cache.head_size_v or size, cache.window_tokens, KVKind.SLIDING
            heads *= cache.pooled_tokens
            if cache.pooled_tokens > 1 and form.pools_windows:
                window = (
                    -(-window // cache.pooled_tokens) + 1
                )  # one block of margin, as vLLM evicts whole ones
        case ChunkedLocal():
            window, kind = cache.chunk_tokens, KVKind.CHUNKED
        case CrossAttention():
            kind = KVKind.CROSS
    row = heads * key_value_bytes(size, size_v, form.kv_dtype, form.dtype)
    return KVLayer(kind, form.block_tokens, row, (heads, size, size_v), window_tokens=window)


def _ring(pooled_tokens: int, form: CacheFormat) -> int:
    """Tokens of a ring: the pools that an open one and drafted tokens span, a power of two (Glm5NextTailCache)."""
    pools = -(-(pooled_tokens + form.states.speculative_tokens) // pooled_tokens)
    return pooled_tokens * (1 << (pools - 1).bit_length())


def _conv_window(cache: ShortConvWindow, tensor_parallel_size: int, kernel: int) -> KVLayer:
    if tensor_parallel_size > cache.num_kv_heads:
        raise BadInputError(
            f"short convolutions: {cache.num_kv_heads} KV heads do not divide by {tensor_parallel_size}, so vLLM "
            "refuses this parallel size"
        )
    heads = cache.num_kv_heads // tensor_parallel_size
    row = heads * cache.head_size * BFLOAT16_BYTES
    return KVLayer(KVKind.SLIDING, kernel, row, window_tokens=kernel)


def _state(state: RecurrentState, form: CacheFormat) -> KVLayer:
    from vllm_costmeter.core.kv_cache.states import state_bytes

    size = state_bytes(state, form.tensor_parallel_size, form.states)
    blocks = form.state_blocks + (_checkpoint(state) in form.checkpointed)
    padded = None if form.state_page_bytes in (None, size) else form.state_page_bytes
    return KVLayer(
        KVKind.MAMBA,
        form.block_tokens,
        size,
        (1,) if isinstance(state, ShortConvState) and state.is_whole else (),
        padded_page_bytes=padded,
        state_blocks=blocks,
        state_per_block=form.state_per_block,
    )


def _checkpoint(state: RecurrentState) -> str | None:
    if isinstance(state, Mamba2State):
        return "mamba2"
    if isinstance(state, GatedDeltaState):
        return "delta"
    return state.checkpoint if isinstance(state, KimiDeltaState) else None
