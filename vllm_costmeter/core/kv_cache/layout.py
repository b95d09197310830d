"""The cache layers on each pipeline rank, from a model's attention layers and the engine arguments."""

from __future__ import annotations

from collections import Counter

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.kv_cache.building import CacheFormat, cache_layers, without_attention
from vllm_costmeter.core.kv_cache.cache_format import cache_format
from vllm_costmeter.core.kv_cache.layers import CountedLayers, KVLayer
from vllm_costmeter.core.kv_cache.rules import KVRules
from vllm_costmeter.core.model.attention import Cache, ModelAttention, RecurrentState, SourcedMla
from vllm_costmeter.core.model.rank import pipeline_spans


def kv_layers(
    model: ModelAttention,
    engine_args: EngineArgs,
    rules: KVRules,
    compute_capability: tuple[int, int] | None = None,
) -> tuple[CountedLayers, ...]:
    """The caches of every pipeline rank, each distinct one with its count.

    `compute_capability` None is treated as Hopper's (9, 0): it changes block sizes of latent attention by at most 48
    tokens. Raises BadInputError for what vLLM refuses, NotUnderstoodError for what is not modelled.
    """
    form = cache_format(
        model, engine_args, rules, None if compute_capability is None else compute_capability[0]
    )
    built: dict[tuple[Cache, CacheFormat], tuple[KVLayer, ...]] = {}
    ranks = []
    size = engine_args.layout.pipeline_parallel_size
    slices = pipeline_spans(len(model.layers), size)
    towers = pipeline_spans(len(model.tower_layers), size)
    for (start, end), tower in zip(slices, towers, strict=True):
        if any(
            isinstance(cache, SourcedMla) for caches in model.layers[start : start + 1] for cache in caches
        ):
            from vllm_costmeter.core.kv_cache.sourced import check_sources

            check_sources(model.layers[start:end])
        counts: Counter[KVLayer] = Counter()
        drafted = model.draft_layers if (start, end) == slices[-1] else ()
        held = Counter(model.layers[start:end] + drafted + model.tower_layers[slice(*tower)])
        are_states = all(isinstance(cache, RecurrentState) for caches in held for cache in caches)
        own = without_attention(form) if are_states else form
        for caches, times in held.items():
            for cache in caches:
                if (cache, own) not in built:
                    built[cache, own] = cache_layers(cache, own)
                for layer in built[cache, own]:
                    counts[layer] += times
        ranks.append(tuple(counts.items()))
    return tuple(ranks)
