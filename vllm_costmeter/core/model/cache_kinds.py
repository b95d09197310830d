"""The kinds of caches that a model has, each once."""

from __future__ import annotations

from vllm_costmeter.core.model.attention import Cache, ModelAttention


def cache_kinds(model: ModelAttention) -> tuple[Cache, ...]:
    """Every kind of cache of the layers, in their order; worked out once, for one check asks thousands of times."""
    if "kinds" not in model.known_caches:
        kinds = dict.fromkeys(cache for caches in model.layers for cache in caches)
        model.known_caches["kinds"] = tuple(kinds)
    return model.known_caches["kinds"]  # type: ignore[no-any-return]
