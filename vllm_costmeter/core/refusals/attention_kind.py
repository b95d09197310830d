"""What kind of attention a model has, as vLLM's choice of a backend tells kinds apart."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.model.attention import (
    ChunkedLocal,
    CompressedMla,
    FullAttention,
    MlaLatent,
    SlidingWindow,
)
from vllm_costmeter.core.refusals.start import Start

DTYPES = {"half": "float16", "float": "float32"}
"""Other names of `--dtype`."""


@dataclass(frozen=True, slots=True)
class AttentionKind:
    """Latent attention (MLA), dense or sparse; or keys and values per head."""

    is_latent: bool
    is_sparse: bool
    head_sizes: frozenset[int]
    """Widths of keys where attention is per head and values are as wide; empty: not known, or MLA."""


def attention_kind(start: Start) -> AttentionKind | None:
    """None for a model without a cache, with compressed latents (DeepSeek V4), or that is not understood; and on a GPU
    without a compute capability, whose backends may be others (AMD)."""
    if start.model.not_understood is not None or start.compute_capability is None:
        return None
    caches = set().union(*start.model.attention.layers)
    if any(isinstance(cache, CompressedMla) for cache in caches):
        return None
    latents = [cache for cache in caches if isinstance(cache, MlaLatent)]
    if latents:
        return AttentionKind(True, any(latent.sparse for latent in latents), frozenset())
    heads = [cache for cache in caches if isinstance(cache, FullAttention | SlidingWindow | ChunkedLocal)]
    if not heads:
        return None
    even = all(isinstance(each, ChunkedLocal) or each.head_size_v in (None, each.head_size) for each in heads)
    return AttentionKind(False, False, frozenset(cache.head_size for cache in heads) if even else frozenset())
