"""The bytes of the KV cache that decoding one token of one sequence reads, by layer."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.kv_cache.dtypes import StateFormat, key_value_bytes, latent_bytes
from vllm_costmeter.core.kv_cache.states import state_bytes
from vllm_costmeter.core.model.attention import (
    Cache,
    ChunkedLocal,
    CompressedMla,
    FullAttention,
    LayerCaches,
    MlaLatent,
    ModelAttention,
    RecurrentState,
    RegionAttention,
    SlidingWindow,
    SourcedMla,
    SparseIndexer,
)

SELECTED_TOKENS = 2048
"""Tokens that a sparse layer's indexer selects (`index_topk` of DeepSeek V3.2 and GLM-5)."""
SCALED_FP8_BYTES = 1 + 4 / 128
"""An indexer's key value: FP8, with a float32 scale for each 128."""


@dataclass(frozen=True, slots=True)
class CacheReading:
    """One layer on one GPU, for one sequence and step."""

    bytes_per_token: float = 0.0
    """Of each token within the window."""
    window_tokens: int | None = None
    """None: all tokens of the context."""
    key_bytes_per_token: float = 0.0
    """Of an indexer, which reads all tokens."""
    state_bytes: float = 0.0
    """Of a recurrent state, which is read and written."""
    flops_per_pair: float = 0.0
    """Of one query head for one token of the context; 0 without an attention kernel."""

    def decode_bytes(self, context_tokens: float) -> float:
        """Bytes moved to decode one token after `context_tokens`."""
        seen = self.bytes_per_token * self.seen_tokens(context_tokens)
        return seen + self.key_bytes_per_token * context_tokens + 2 * self.state_bytes

    def seen_tokens(self, tokens: float) -> float:
        """Tokens of the context that a query attends to."""
        return tokens if self.window_tokens is None else min(tokens, self.window_tokens)


def cache_reading(caches: LayerCaches, attention: ModelAttention, engine_args: EngineArgs) -> CacheReading:
    """The reading of one layer with these caches. Kinds that no decode step reads (cross attention's writing, open
    pools) count nothing."""
    found = CacheReading()
    for cache in caches:
        found = _with(found, cache, attention, engine_args)
    return found


def _with(found: CacheReading, cache: Cache, attention: ModelAttention, args: EngineArgs) -> CacheReading:
    asked = args.kv_cache_dtype
    kv_dtype = (attention.kv_cache_dtype or "auto") if asked == "auto" else asked
    dtype = attention.dtype if args.dtype == "auto" else args.dtype
    tensor = args.layout.tensor_parallel_size
    match cache:
        case FullAttention() | SlidingWindow() | ChunkedLocal():
            value = getattr(cache, "head_size_v", None) or cache.head_size
            window = getattr(cache, "window_tokens", None) or getattr(cache, "chunk_tokens", None)
            stored = key_value_bytes(cache.head_size, value, kv_dtype, dtype)
            return _attending(
                found, stored * max(cache.num_kv_heads / tensor, 1), window, cache.head_size + value
            )
        case MlaLatent():
            stored = latent_bytes(cache.kv_lora_rank + cache.qk_rope_head_dim, kv_dtype, dtype)
            width = cache.qk_nope_head_dim + cache.qk_rope_head_dim + cache.v_head_dim
            return _attending(found, stored, SELECTED_TOKENS if cache.sparse else None, width)
        case CompressedMla() | SourcedMla():
            pooled = cache.compress_ratio if isinstance(cache, CompressedMla) else cache.pooled_tokens
            keys = cache.index_head_dim / pooled if pooled > 1 else 0.0
            window = cache.window_tokens + (SELECTED_TOKENS if pooled > 1 else 0)
            return replace(
                _attending(found, cache.head_dim, window, 2 * cache.head_dim), key_bytes_per_token=keys
            )
        case RegionAttention():
            stored = key_value_bytes(cache.head_size, cache.head_size, kv_dtype, dtype)
            heads = max(cache.num_kv_heads / tensor, 1)
            return _attending(found, stored * heads, SELECTED_TOKENS, 2 * cache.head_size)
        case SparseIndexer():
            keys = cache.head_dim * (cache.element_bytes or SCALED_FP8_BYTES) / cache.pooled_tokens
            return replace(found, key_bytes_per_token=keys)
        case _ if isinstance(cache, RecurrentState):
            form = StateFormat(dtype, args.mamba_cache_dtype, args.mamba_ssm_cache_dtype)
            return replace(found, state_bytes=float(state_bytes(cache, tensor, form)))
    return found


def _attending(found: CacheReading, stored: float, window: int | None, widths: float) -> CacheReading:
    return replace(found, bytes_per_token=float(stored), window_tokens=window, flops_per_pair=2.0 * widths)
