"""The state that vLLM keeps in the middle of a prefill when prefixes are cached."""

from __future__ import annotations

import pytest

from tests.builders.built_layers import BLACKWELL, HOPPER, SM120, built
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.kv_cache import kv_rules
from vllm_costmeter.core.kv_cache.layers import KVKind
from vllm_costmeter.core.kv_cache.layout import kv_layers
from vllm_costmeter.core.model.attention import (
    Cache,
    FullAttention,
    GatedDeltaState,
    KimiDeltaState,
    Mamba2State,
    MlaLatent,
    ModelAttention,
    RecurrentState,
)
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


FULL = FullAttention(2, 128)
MAMBA = Mamba2State(4096, 8, 64, 64, 128, 4, "float32")
DELTA = GatedDeltaState(16, 32, 128, 128, 4, "float32")
"""3 x 8,192 x 2 + 32 x 128 x 128 x 4 = 2,146,304 bytes: exactly 131 blocks of 16 KiB."""
SHORT_KEYS = GatedDeltaState(16, 32, 64, 128, 4, "float32")
"""3 x 6,144 x 2 + 32 x 64 x 128 x 4 = 1,085,440 bytes: 66.25 blocks of 16 KiB."""


def with_cached_prefixes(
    *caches: Cache, gpu: tuple[int, int], version: str = "0.32.0", **flags: str
) -> tuple[int, list[int]]:
    """(attention's block, states of each recurrent layer)."""
    layers = built(
        *caches, gpu=gpu, version=version, engine_args=EngineArgs(enable_prefix_caching=True, **flags)
    )
    return layers[0].block_tokens, [each.state_blocks for each in layers if each.kind is KVKind.MAMBA]


@pytest.mark.parametrize(
    ("state", "gpu", "version", "state_blocks", "block"),
    [
        (DELTA, HOPPER, "0.33.0", 3, 2112),
        (DELTA, HOPPER, "0.32.0", 2, 2096),
        (DELTA, BLACKWELL, "0.33.0", 3, 2112),
        (DELTA, SM120, "0.33.0", 3, 2112),
        (DELTA, (8, 9), "0.33.0", 2, 2096),
        (SHORT_KEYS, HOPPER, "0.33.0", 3, 1088),
        (SHORT_KEYS, BLACKWELL, "0.33.0", 2, 1072),
        (SHORT_KEYS, SM120, "0.33.0", 2, 1072),
        (GatedDeltaState(16, 32, 128, 128, 4, "float32", False), HOPPER, "0.33.0", 2, 2096),
    ],
)
def test_gated_delta_nets_keep_a_checkpoint_where_flashinfer_prefills(
    state: GatedDeltaState, gpu: tuple[int, int], version: str, state_blocks: int, block: int
) -> None:
    """`_resolve_gdn_prefill_backend` of 0.33: Hopper, and Blackwell for keys of 128. Blocks are then multiples of 64:
    33 of them where 131 of 16 tokens hold a state, for keys of 64 (66.25 of 16) 17 instead of 67."""
    assert with_cached_prefixes(FULL, state, gpu=gpu, version=version) == (block, [state_blocks])


def test_a_model_with_another_kind_of_state_keeps_no_checkpoint_of_delta_nets() -> None:
    """Mamba 2 keeps its own since 0.32."""
    assert with_cached_prefixes(FULL, DELTA, MAMBA, gpu=HOPPER, version="0.33.0")[1] == [2, 3]


@pytest.mark.parametrize(
    ("state", "gpu", "state_blocks"),
    [
        (MAMBA, (8, 0), 3),
        (MAMBA, HOPPER, 3),
        (KimiDeltaState(8, 128, 4, checkpoint="kimi_k3"), (8, 9), 2),
        (KimiDeltaState(8, 128, 4, checkpoint="kimi_k3"), BLACKWELL, 3),
        (KimiDeltaState(8, 128, 4, checkpoint="glm5_next"), SM120, 3),
        (KimiDeltaState(8, 128, 4, checkpoint="glm5_next"), (11, 0), 2),
    ],
)
def test_only_flash_kda_keeps_checkpoints_of_kimi_delta(
    state: RecurrentState, gpu: tuple[int, int], state_blocks: int
) -> None:
    """Mamba 2 keeps them on every GPU; FlashKDA runs on 9.x, 10.x and 12.x."""
    assert with_cached_prefixes(FULL, state, gpu=gpu)[1] == [state_blocks]


@pytest.mark.parametrize(
    ("backend", "expected"),
    [("auto", (2112, [3])), ("flashinfer", (2112, [3])), ("triton", (2096, [2])), ("cutedsl", (2096, [2]))],
)
def test_only_flashinfer_keeps_a_checkpoint_of_delta_nets(
    backend: str, expected: tuple[int, list[int]]
) -> None:
    """`--gdn-prefill-backend`: any other gives 0.32's blocks and states."""
    assert (
        with_cached_prefixes(FULL, DELTA, gpu=BLACKWELL, version="0.33.0", gdn_prefill_backend=backend)
        == expected
    )


@pytest.mark.parametrize(
    ("backend", "states"), [("auto", 3), ("flashkda", 3), ("triton", 2), ("flashinfer", 2)]
)
def test_a_flag_may_give_up_flash_kda(backend: str, states: int) -> None:
    """`--kda-prefill-backend`; Mamba 2 keeps its checkpoint under any."""
    kimi = KimiDeltaState(8, 128, 4, checkpoint="kimi_k3")
    for state, kept in ((kimi, states), (MAMBA, 3)):
        found = with_cached_prefixes(FULL, state, gpu=BLACKWELL, kda_prefill_backend=backend)
        assert found[1] == [kept]
