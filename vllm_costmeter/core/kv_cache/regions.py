"""The caches of one layer that attends to chosen regions: Step 5's sparse layers.

Mirrors vLLM 0.33, models/step5/nvidia: `sparse_attention.py`, `sparse_summary_cache.py` and `csa_tail_ring.py`.
"""

from __future__ import annotations

from math import gcd

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.kv_cache.dtypes import key_value_bytes
from vllm_costmeter.core.kv_cache.layers import KVKind, KVLayer
from vllm_costmeter.core.model.attention import RegionAttention

_RING_ROW_BYTES = 1024  # an index key and its weight, 256 bfloat16 values each
_DTYPES = ("auto", "bfloat16", "fp8", "fp8_e4m3")


def region_layers(
    cache: RegionAttention,
    *,
    dtype: str,
    kv_dtype: str,
    block_tokens: int,
    tensor_parallel_size: int,
    speculative_tokens: int,
) -> tuple[KVLayer, ...]:
    """Keys and values, summaries and the ring. Raises BadInputError for a cache format or a block that vLLM refuses."""
    if kv_dtype not in _DTYPES:
        raise BadInputError(f"--kv-cache-dtype {kv_dtype}: Step 5's sparse layers take {', '.join(_DTYPES)}")
    if block_tokens % cache.region_tokens:
        raise BadInputError(f"--block-size {block_tokens}: Step 5 needs a multiple of {cache.region_tokens}")
    heads = max(1, cache.num_kv_heads // tensor_parallel_size)
    row = heads * key_value_bytes(cache.head_size, cache.head_size, kv_dtype, dtype)
    page = block_tokens * row
    rows = cache.region_tokens - 1 + speculative_tokens
    if page % _RING_ROW_BYTES or page < rows * _RING_ROW_BYTES:
        raise BadInputError(
            f"Step 5's ring needs {rows} rows of {_RING_ROW_BYTES} bytes in a page of {page} bytes, so vLLM refuses "
            "this start; a larger --block-size makes larger pages"
        )
    whole = gcd(cache.region_tokens, block_tokens)
    stride = 1 if whole == block_tokens else whole * row
    shape = (heads, cache.head_size, cache.head_size)
    return (
        KVLayer(KVKind.FULL, block_tokens, row, shape, stride_bytes=stride),
        KVLayer(KVKind.FULL, block_tokens, cache.summary_bytes, tokens_per_row=cache.region_tokens),
        KVLayer(KVKind.RING, block_tokens, row, stride_bytes=_RING_ROW_BYTES),
    )
