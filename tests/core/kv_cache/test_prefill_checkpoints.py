"""The state that vLLM keeps in the middle of a prefill when prefixes are cached."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.kv_cache import kv_rules
from vllm_costmeter.core.kv_cache.layers import KVKind
from vllm_costmeter.core.kv_cache.layout import kv_layers
from vllm_costmeter.core.model.attention import KimiDeltaState, MlaLatent, ModelAttention
from vllm_costmeter.core.release import release_of


@pytest.mark.parametrize(
    ("version", "capability", "cached", "blocks"),
    [
        ("0.28.0", (9, 0), True, 2),
        ("0.29.0", (9, 0), True, 3),
        ("0.33.0", (12, 0), True, 3),
        ("0.33.0", (8, 0), True, 2),
        ("0.33.0", (9, 0), False, 1),
    ],
)
def test_kimi_k3_keeps_one_where_flash_kda_prefills(
    version: str, capability: tuple[int, int], cached: bool, blocks: int
) -> None:
    """From 0.29 on, on Hopper and Blackwell, and only for cached prefixes (KimiK3DeltaAttention.get_kv_cache_spec)."""
    latent = MlaLatent(512, 64)
    state = KimiDeltaState(8, 128, 4, keeps_checkpoint=True)
    model = ModelAttention(layers=((latent,), (state,)), num_attention_heads=8, dtype="bfloat16")
    (rank,) = kv_layers(
        model, EngineArgs(enable_prefix_caching=cached), kv_rules(release_of(version)), capability
    )
    (found,) = [layer.state_blocks for layer, _ in rank if layer.kind is KVKind.MAMBA]
    assert found == blocks
