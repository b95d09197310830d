"""The state that vLLM keeps in the middle of a prefill when prefixes are cached."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.kv_cache import kv_rules
from vllm_costmeter.core.kv_cache.layers import KVKind
from vllm_costmeter.core.kv_cache.layout import kv_layers
from vllm_costmeter.core.model.attention import KimiDeltaState, Mamba2State, MlaLatent, ModelAttention
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
    state = KimiDeltaState(8, 128, 4, checkpoint="kimi_k3")
    model = ModelAttention(layers=((latent,), (state,)), num_attention_heads=8, dtype="bfloat16")
    (rank,) = kv_layers(
        model, EngineArgs(enable_prefix_caching=cached), kv_rules(release_of(version)), capability
    )
    (found,) = [layer.state_blocks for layer, _ in rank if layer.kind is KVKind.MAMBA]
    assert found == blocks


def test_cached_prefixes_of_a_model_with_states_alone_are_understood_from_0_28_on() -> None:
    """Before, nothing says how its blocks were sized; without a prefix cache every release is known."""
    state = Mamba2State(4096, 8, 64, 64, 128, 4, "float32", chunk_tokens=256)
    model = ModelAttention(layers=((state,),), num_attention_heads=8, dtype="bfloat16")
    cached, plain = EngineArgs(enable_prefix_caching=True), EngineArgs(enable_prefix_caching=False)
    assert kv_layers(model, plain, kv_rules(release_of("0.27.0")), (9, 0))
    with pytest.raises(NotUnderstoodError, match=r"before vLLM 0\.28"):
        kv_layers(model, cached, kv_rules(release_of("0.27.0")), (9, 0))
