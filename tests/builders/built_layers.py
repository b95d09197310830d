"""The cache layers that one rank builds of the caches of one model layer."""

from __future__ import annotations

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.kv_cache import kv_rules
from vllm_costmeter.core.kv_cache.layers import KVLayer
from vllm_costmeter.core.kv_cache.layout import kv_layers
from vllm_costmeter.core.model.attention import Cache, ModelAttention
from vllm_costmeter.core.release import release_of

HOPPER, BLACKWELL, SM120 = (9, 0), (10, 0), (12, 0)


def built(
    *caches: Cache,
    engine_args: EngineArgs | None = None,
    gpu: tuple[int, int] | None = HOPPER,
    version: str = "0.32.0",
) -> list[KVLayer]:
    model = ModelAttention(layers=(caches,), num_attention_heads=64, dtype="bfloat16")
    (rank,) = kv_layers(model, engine_args or EngineArgs(), kv_rules(release_of(version)), gpu)
    return [layer for layer, _ in rank]
