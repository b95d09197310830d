"""The dtype and block size of a deployment's KV cache."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders.built_layers import SM120, built
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, GpuCannotError, NotUnderstoodError
from vllm_costmeter.core.kv_cache import kv_rules
from vllm_costmeter.core.kv_cache.cache_format import cache_format, resolved_kv_dtype
from vllm_costmeter.core.kv_cache.layers import KVKind, KVLayer
from vllm_costmeter.core.model.attention import (
    Cache,
    ChunkedLocal,
    CompressedMla,
    FullAttention,
    GatedDeltaState,
    Mamba1State,
    Mamba2State,
    MlaLatent,
    ModelAttention,
    RecurrentState,
    SlidingWindow,
    SourcedMla,
)
from vllm_costmeter.core.release import release_of

FULL = FullAttention(2, 128)
"""1,024 bytes a token in bfloat16."""
MAMBA = Mamba2State(4096, 8, 64, 64, 128, 4, "float32")
"""3 x 6,144 x 2 + 64 x 64 x 128 x 4 = 2,134,016 bytes: 130.25 blocks of 16 KiB."""
DELTA = GatedDeltaState(16, 32, 128, 128, 4, "float32")
"""3 x 8,192 x 2 + 32 x 128 x 128 x 4 = 2,146,304 bytes: exactly 131 blocks of 16 KiB."""
CACHED, PLAIN = EngineArgs(enable_prefix_caching=True), EngineArgs(enable_prefix_caching=False)


def state_of(layers: list[KVLayer]) -> KVLayer:
    (state,) = [layer for layer in layers if layer.kind is KVKind.MAMBA]
    return state


@pytest.mark.parametrize(
    ("asked", "checkpoint", "major", "version", "resolved"),
    [
        ("auto", None, 9, "0.32.0", "auto"),
        ("auto", "fp8_e4m3", 9, "0.32.0", "fp8_e4m3"),
        ("auto", None, 10, "0.32.0", "fp8_e4m3"),
        ("auto", None, 10, "0.31.0", "auto"),
        ("auto", "fp8_e5m2", 10, "0.32.0", "fp8_e5m2"),
        ("bfloat16", "fp8_e4m3", 10, "0.32.0", "bfloat16"),
    ],
)
def test_auto_asks_the_checkpoint_and_then_the_architecture(
    asked: str, checkpoint: str | None, major: int, version: str, resolved: str
) -> None:
    """A flag overrides both; the fp8 that GLM-5 chooses holds on compute capability 10.x since 0.32."""
    model = ModelAttention(
        ((FULL,),), 64, "bfloat16", kv_cache_dtype=checkpoint, blackwell_kv_cache_dtype="fp8_e4m3"
    )
    rules = kv_rules(release_of(version))
    assert resolved_kv_dtype(model, EngineArgs(kv_cache_dtype=asked), rules, major) == resolved


def test_glm_5_next_chooses_fp8_a_release_later() -> None:
    """From 0.33 on, where GLM-5 does from 0.32 on."""
    model = ModelAttention(((FULL,),), 64, "bfloat16", blackwell_kv_cache_dtype="fp8")
    for version, resolved in (("0.32.0", "auto"), ("0.33.0", "fp8")):
        assert resolved_kv_dtype(model, EngineArgs(), kv_rules(release_of(version)), 10) == resolved


def test_the_dtype_flag_overrides_the_model_s() -> None:
    """`--dtype float32` doubles the bytes of a bfloat16 checkpoint."""
    (layer,) = built(FULL, engine_args=EngineArgs(dtype="float32"))
    assert layer.row_bytes == 2048


def test_a_dense_latent_in_fp8_stays_plain_on_hopper() -> None:
    """Packed rows are the sparse backends'."""
    (layer,) = built(MlaLatent(512, 64), engine_args=EngineArgs(kv_cache_dtype="fp8"))
    assert (layer.block_tokens, layer.row_bytes) == (64, 576)


@pytest.mark.parametrize("place", ["layers", "draft_layers", "tower_layers"])
def test_one_sparse_layer_anywhere_decides_how_all_latents_are_stored(place: str) -> None:
    """Layers, a drafter's and a tower's share one cache dtype and one block size."""
    places: dict[str, Any] = {"layers": ((FULL,),)}
    places[place] = (*places.get(place, ()), (MlaLatent(512, 64, sparse=True),))
    model = ModelAttention(num_attention_heads=64, dtype="bfloat16", **places)
    form = cache_format(model, EngineArgs(kv_cache_dtype="fp8"), kv_rules(release_of("0.32.0")), 9)
    assert (form.kv_dtype, form.block_tokens) == ("fp8_ds_mla", 64)


@pytest.mark.parametrize(
    ("cache", "gpu", "error", "says"),
    [
        (CompressedMla(512, 64, 128, 4, 128), SM120, NotUnderstoodError, "DeepSeek V4's"),
        (SourcedMla(512, 64, 128, 128), (8, 9), GpuCannotError, r"V4\.1 needs compute capability 9\.0"),
        (MlaLatent(512, 64, sparse=True), (8, 9), GpuCannotError, r"compute capability 9\.0"),
    ],
)
def test_a_gpu_without_the_kernels_is_named_whatever_else_the_model_has(
    cache: Cache, gpu: tuple[int, int], error: type[Exception], says: str
) -> None:
    """One such layer beside heads is enough."""
    with pytest.raises(error, match=says):
        built(FULL, cache, gpu=gpu)


def test_turboquant_of_a_hybrid_keeps_every_layer_in_it() -> None:
    """Boundary layers are those of dense models: 2 heads of 128 + 64 + 4 bytes each."""
    layers = built(FULL, DELTA, engine_args=EngineArgs(kv_cache_dtype="turboquant_k8v4"))
    assert layers[0].row_bytes == 2 * 196


@pytest.mark.parametrize(
    ("engine_args", "version", "state_blocks"),
    [
        (EngineArgs(), "0.27.0", 1),
        (EngineArgs(), "0.28.0", 2),
        (CACHED, "0.27.0", 2),
        (PLAIN, "0.32.0", 1),
        (EngineArgs(speculative_config={"num_speculative_tokens": 3}), "0.28.0", 5),
        (EngineArgs(speculative_config={"method": "mtp"}), "0.28.0", 2),
    ],
)
def test_a_sequence_keeps_one_state_two_with_cached_prefixes_and_one_for_each_draft(
    engine_args: EngineArgs, version: str, state_blocks: int
) -> None:
    """The default caches prefixes of hybrids from 0.28 on."""
    state = state_of(built(FULL, DELTA, engine_args=engine_args, version=version))
    assert (state.state_blocks, state.state_per_block) == (state_blocks, False)


@pytest.mark.parametrize(
    ("layers", "caches_prefixes", "state_blocks"),
    [(((FULL,), (DELTA,)), False, 1), (((DELTA,),), True, 1), (((FULL,), (DELTA,)), True, 2)],
)
def test_prefixes_are_cached_by_default_where_there_is_attention_and_no_pooling(
    layers: tuple[tuple[Cache, ...], ...], caches_prefixes: bool, state_blocks: int
) -> None:
    """A model of states alone, and one that pools over all tokens, keep one state."""
    model = ModelAttention(layers, 64, "bfloat16", caches_prefixes=caches_prefixes)
    assert cache_format(model, EngineArgs(), kv_rules(release_of("0.32.0")), 9).state_blocks == state_blocks


@pytest.mark.parametrize(
    ("attention", "engine_args", "version", "block"),
    [
        (FULL, PLAIN, "0.32.0", 131 * 16),
        (FULL, EngineArgs(block_size=32), "0.32.0", 66 * 32),
        (FULL, EngineArgs(kv_cache_dtype="fp8"), "0.32.0", 261 * 16),
        (FullAttention(64, 512), PLAIN, "0.32.0", 32),
        (FullAttention(256, 512), PLAIN, "0.32.0", 16),
        (SlidingWindow(2, 128, 4096), PLAIN, "0.32.0", 131 * 16),
        (ChunkedLocal(2, 128, 8192), PLAIN, "0.32.0", 131 * 16),
        (MlaLatent(512, 64), PLAIN, "0.17.0", 29 * 64),
        (MlaLatent(512, 64), PLAIN, "0.20.0", 116 * 16),
        (MlaLatent(512, 64), PLAIN, "0.28.0", 15 * 128),
    ],
)
def test_attention_blocks_are_the_fewest_steps_that_hold_a_state(
    attention: Cache, engine_args: EngineArgs, version: str, block: int
) -> None:
    """2,134,016 bytes: 2,084 tokens of 1,024 bytes, 4,168 of 512, 16.3 of 131,072, 4.1 of 524,288, or 1,852.4 latents,
    in whole steps of the block, for latents of what the release aligns them to."""
    layers = built(attention, MAMBA, engine_args=engine_args, version=version)
    assert layers[0].block_tokens == block
    assert state_of(layers).page_bytes == layers[0].page_bytes


def test_states_are_aligned_with_the_latents_where_a_model_has_heads_too() -> None:
    """1,152 bytes a latent, not 1,024 of the heads, whichever layer comes first."""
    for caches in ((FULL, MlaLatent(512, 64), MAMBA), (MlaLatent(512, 64), FULL, MAMBA)):
        assert state_of(built(*caches)).page_bytes == 15 * 128 * 1152


def test_the_largest_state_decides_the_block() -> None:
    """The delta net's 2,146,304 bytes; the smaller state is padded to the same page."""
    small = Mamba2State(1024, 1, 16, 64, 128, 4)
    layers = built(FULL, small, DELTA, engine_args=PLAIN)
    assert [layer.page_bytes for layer in layers] == [131 * 16384] * 3


@pytest.mark.parametrize(
    ("states", "block", "per_block"),
    [
        ((Mamba2State(4096, 8, 64, 64, 128, 4, "float32", chunk_tokens=256),), 9 * 256, True),
        ((Mamba1State(8192, 16, 4, chunk_tokens=96), MAMBA), 6144, True),
        ((DELTA,), 2096, False),
    ],
)
def test_before_0_28_mamba_kept_a_state_for_each_block_of_whole_chunks(
    states: tuple[RecurrentState, ...], block: int, per_block: bool
) -> None:
    """2,084 tokens in multiples of 256, of lcm(96, 2048), and of 16 for a delta net, which has no chunks."""
    layers = built(FULL, *states, engine_args=CACHED, version="0.27.0")
    assert layers[0].block_tokens == block
    assert layers[1].state_per_block is per_block
    assert layers[1].state_blocks == (0 if per_block else 2)


def test_draft_tokens_of_a_state_per_block_are_states_more() -> None:
    """0.27: none for the sequence itself, one for each drafted token."""
    args = EngineArgs(enable_prefix_caching=True, speculative_config={"num_speculative_tokens": 2})
    assert state_of(built(FULL, MAMBA, engine_args=args, version="0.27.0")).state_blocks == 2


def test_a_misspelt_cache_dtype_is_refused_before_anything_else() -> None:
    """Also for a model whose format the GPU decides."""
    with pytest.raises(BadInputError, match="fp8_e4m4 is not one of"):
        built(MlaLatent(512, 64, sparse=True), engine_args=EngineArgs(kv_cache_dtype="fp8_e4m4"))
