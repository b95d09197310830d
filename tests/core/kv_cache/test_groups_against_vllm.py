"""Random mixes of layers, grouped by us and by the installed vLLM 0.32: every number equal."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from required_tool import required_module

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.kv_cache import KVCache, kv_rules
from vllm_costmeter.core.kv_cache.groups import group_layers
from vllm_costmeter.core.kv_cache.layers import CountedLayers, KVKind, KVLayer, SequenceLimits
from vllm_costmeter.core.kv_cache.promotion import full_allocation
from vllm_costmeter.core.release import release_of

pytestmark = pytest.mark.heavy
RULES = kv_rules(release_of("0.32.0"))


def drawn_layer(draw: random.Random) -> tuple[Any, KVLayer]:
    """The same layer as vLLM's spec and as ours."""
    import torch
    from vllm.v1 import kv_cache_interface as specs

    kind = draw.choice(["full", "full", "window", "window", "chunk", "latent", "mamba", "cross"])
    heads, size, block = (
        draw.choice([1, 2, 4, 8]),
        draw.choice([64, 96, 128]),
        draw.choice([16, 16, 16, 32, 64]),
    )
    window, dtype = draw.choice([128, 1024, 4096]), torch.bfloat16
    common = {"block_size": block, "num_kv_heads": heads, "head_size": size, "dtype": dtype}
    row, shape = heads * size * 4, (heads, size, size)
    if kind == "full":
        return specs.FullAttentionSpec(**common), KVLayer(KVKind.FULL, block, row, shape)
    if kind == "window":
        theirs = specs.SlidingWindowSpec(**common, sliding_window=window)
        return theirs, KVLayer(KVKind.SLIDING, block, row, shape, window_tokens=window)
    if kind == "chunk":
        theirs = specs.ChunkedLocalAttentionSpec(**common, attention_chunk_size=window)
        return theirs, KVLayer(KVKind.CHUNKED, block, row, shape, window_tokens=window)
    if kind == "cross":
        return specs.CrossAttentionSpec(**common), KVLayer(KVKind.CROSS, block, row, shape)
    if kind == "latent":
        theirs = specs.MLAAttentionSpec(block_size=block, num_kv_heads=1, head_size=4 * size, dtype=dtype)
        return theirs, KVLayer(KVKind.MLA, block, 8 * size, (4 * size,))
    values = draw.choice([1000, 20000, 65536])
    theirs = specs.MambaSpec(block_size=block, shapes=((values,),), dtypes=(dtype,), mamba_cache_mode="align")
    return theirs, KVLayer(KVKind.MAMBA, block, values * 2, state_blocks=2)


def vllm_config(length: int, in_flight: int, layout: Any, *, no_hybrid: bool) -> Any:
    """What vLLM's planner reads of its configuration, nothing more."""
    return SimpleNamespace(
        model_config=SimpleNamespace(max_model_len=length, original_max_model_len=length),
        parallel_config=SimpleNamespace(decode_context_parallel_size=1, tensor_parallel_size=1),
        scheduler_config=SimpleNamespace(
            disable_hybrid_kv_cache_manager=no_hybrid, max_num_encoder_input_tokens=1500
        ),
        cache_config=SimpleNamespace(
            num_gpu_blocks_override=None,
            get_resolved_kv_cache_layout=lambda: layout,
            mamba_cache_mode="align",
            prefix_cache_retention_interval=None,
        ),
        attention_config=SimpleNamespace(hisparse_config=None),
        speculative_config=None,
        max_in_flight_tokens=in_flight,
        num_prefill_lookahead_tokens=0,
    )


def compare(seed: int) -> bool:
    """Asserts equality of everything; False where either side has no answer."""
    from vllm.v1.core import kv_cache_utils as theirs
    from vllm.v1.kv_cache_layout import KVCacheLayout

    draw = random.Random(seed)
    layout = draw.choice([KVCacheLayout.LBNHC, KVCacheLayout.LBNHC, KVCacheLayout.BLHNC])
    kinds = [drawn_layer(draw) for _ in range(draw.choice([1, 2, 2, 3, 3]))]
    sequence = kinds + draw.choices(kinds, k=draw.randint(0, 40))
    draw.shuffle(sequence)
    ranks = min(draw.choice([1, 1, 2, 3]), len(sequence))
    cuts = [0, *sorted(draw.sample(range(1, len(sequence)), ranks - 1)), len(sequence)]
    spans = list(pairwise(cuts))
    no_hybrid = draw.random() < 0.15
    in_flight, length = draw.choice([2048, 8192, 16384]), draw.choice([100, 5000, 131072, 1000003])
    pools = tuple(draw.randint(1 << 20, 1 << 34) for _ in spans)
    config = vllm_config(length, in_flight, layout, no_hybrid=no_hybrid)
    workers = [{f"layer.{i}": sequence[i][0] for i in range(*span)} for span in spans]
    layers: tuple[CountedLayers, ...] = tuple(
        tuple(Counter(sequence[i][1] for i in range(*span)).items()) for span in spans
    )
    try:
        grouped = full_allocation(layers) if no_hybrid else layers
        groups = group_layers(grouped, RULES, block_outermost=layout.is_block_outermost)
        theirs_global = theirs.get_kv_cache_groups(
            config, {k: v for worker in workers for k, v in worker.items()}
        )
    except (BadInputError, NotUnderstoodError, NotImplementedError, ValueError):
        return False
    if sum(len(group.layer_names) for group in theirs_global) != len(sequence):
        return False  # vLLM 0.32 drops layers of an unbalanced packed bucket, and then refuses to boot
    cache = KVCache(layers, groups, SequenceLimits(in_flight, 1500), RULES)
    projected = [theirs._project_kv_cache_groups_to_worker(theirs_global, worker) for worker in workers]
    assert cache.num_groups == len(theirs_global)
    assert list(cache.bytes_needed(length)) == [
        theirs._max_memory_usage_bytes_from_groups(config, one) for one in projected
    ]
    assert cache.longest_length(pools, length) == min(
        theirs._estimate_max_model_len_from_groups(config, one, pool)
        for one, pool in zip(projected, pools, strict=True)
    )
    try:
        configs = theirs.get_kv_cache_configs(config, workers, list(pools))
    except ValueError as error:
        refused = str(error)
    else:
        refused = None
    if refused is not None:
        assert "layout" in refused or not cache.fits(length, pools)
        return True
    assert cache.fits(length, pools)
    capacity = cache.capacity(length, pools)
    scheduler = theirs.generate_scheduler_kv_cache_config(configs)
    assert capacity.num_blocks == configs[0].num_blocks
    assert (capacity.tokens, capacity.max_concurrency) == theirs.get_kv_cache_capacity(config, scheduler)
    return True


def test_every_mix_is_grouped_as_vllm_groups_it() -> None:
    """1,000 random models: kinds, block sizes, pipeline ranks, layouts; more than half have an answer on both sides."""
    required_module("vllm")
    from vllm.v1.core.single_type_kv_cache_manager import register_all_kvcache_specs
    from vllm.v1.kv_cache_layout import KVCacheLayout

    register_all_kvcache_specs(vllm_config(1, 1, KVCacheLayout.LBNHC, no_hybrid=False))
    assert sum(compare(seed) for seed in range(1000)) > 600
