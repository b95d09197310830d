"""From facts and a plan to the cache layers of each pipeline rank."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.builders.built_layers import BLACKWELL, HOPPER, SM120, built
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.kv_cache import kv_rules
from vllm_costmeter.core.kv_cache.layers import KVKind, SequenceLimits
from vllm_costmeter.core.kv_cache.layout import kv_layers
from vllm_costmeter.core.kv_cache.parallel import tensor_parallel_fault
from vllm_costmeter.core.model.attention import (
    CompressedMla,
    FullAttention,
    LightningState,
    Mamba2State,
    MlaLatent,
    ModelAttention,
    SlidingWindow,
    SparseIndexer,
)
from vllm_costmeter.core.release import release_of

NEWEST = kv_rules(release_of("0.32.0"))


def test_kv_heads_are_replicated_beyond_their_number() -> None:
    """Four KV heads on eight ranks: one each, never less."""
    (layer,) = built(
        FullAttention(4, 128), engine_args=EngineArgs(layout=ParallelConfig(tensor_parallel_size=8))
    )
    assert layer.page_bytes == 16 * 2 * 128 * 2


def test_latents_are_whole_on_every_rank() -> None:
    """MLA is not divided by tensor parallelism."""
    (layer,) = built(
        MlaLatent(512, 64), engine_args=EngineArgs(layout=ParallelConfig(tensor_parallel_size=8))
    )
    assert layer.page_bytes == 16 * 576 * 2


@pytest.mark.parametrize(
    ("gpu", "kv_dtype", "block"),
    [
        (HOPPER, "auto", 16),
        (HOPPER, "fp8", 64),
        (BLACKWELL, "auto", 32),
        (SM120, "fp8", 16),
        ((8, 0), "auto", 16),
    ],
)
def test_the_latent_block_follows_the_backend_of_the_gpu(
    gpu: tuple[int, int], kv_dtype: str, block: int
) -> None:
    """FLASH_ATTN_MLA 16, FLASHMLA 64, FLASHINFER_MLA 32, TRITON_MLA 16."""
    (layer,) = built(MlaLatent(512, 64), engine_args=EngineArgs(kv_cache_dtype=kv_dtype), gpu=gpu)
    assert layer.block_tokens == block


@pytest.mark.parametrize(
    ("gpu", "kv_dtype", "latent_bytes"),
    [
        (HOPPER, "auto", 1152),
        (HOPPER, "bfloat16", 1152),
        (HOPPER, "fp8", 656),
        (HOPPER, "fp8_e4m3", 576),
        (BLACKWELL, "fp8", 576),
        (BLACKWELL, "nvfp4_ds_mla", 352),
        (SM120, "auto", 656),
    ],
)
def test_a_sparse_latent_is_stored_as_the_backend_packs_it(
    gpu: tuple[int, int], kv_dtype: str, latent_bytes: int
) -> None:
    """The same flag means 656 packed bytes or 576 plain ones by GPU; the indexer adds 132 in blocks of 64."""
    indexer, latent = built(
        SparseIndexer(128),
        MlaLatent(512, 64, sparse=True),
        engine_args=EngineArgs(kv_cache_dtype=kv_dtype),
        gpu=gpu,
    )
    assert (latent.block_tokens, latent.row_bytes) == (64, latent_bytes)
    assert (indexer.block_tokens, indexer.row_bytes) == (64, 132)


def test_sparse_attention_has_no_backend_on_ampere() -> None:
    """vLLM finds none, so the answer is a refusal with the reason."""
    with pytest.raises(BadInputError, match=r"compute capability 9\.0"):
        built(MlaLatent(512, 64, sparse=True), gpu=(8, 0))


def test_attention_blocks_grow_until_a_page_holds_a_state() -> None:
    """Nemotron-3 Nano at TP 1: 2,096 tokens, and the state is padded to the same page."""
    mamba = Mamba2State(4096, 8, 64, 64, 128, 4, "float32")
    full, state = built(FullAttention(2, 128), mamba)
    assert full.block_tokens == 2096
    assert state.page_bytes == full.page_bytes == 2146304
    assert state.kind is KVKind.MAMBA
    assert state.state_blocks == 3


def test_mamba_kept_a_state_per_block_before_0_28() -> None:
    """0.26 cached hybrid prefixes, where asked, in whole chunks: blocks are multiples of them, states one per block."""
    mamba = Mamba2State(4096, 8, 64, 64, 128, 4, "float32", chunk_tokens=128)
    asked = EngineArgs(enable_prefix_caching=True)
    full, state = built(FullAttention(2, 128), mamba, engine_args=asked, version="0.26.0")
    assert full.block_tokens == 2176
    assert state.blocks_for(10_000, SequenceLimits(8192)) == 5


def test_what_older_versions_did_otherwise_is_unknown_not_guessed() -> None:
    """Plain fp8 rows of sparse latents on Hopper began with 0.30."""
    with pytest.raises(NotUnderstoodError, match="fp8_e4m3"):
        built(
            MlaLatent(512, 64, sparse=True),
            engine_args=EngineArgs(kv_cache_dtype="fp8_e4m3"),
            version="0.29.0",
        )


def test_turboquant_of_a_dense_model_is_unknown() -> None:
    """Its boundary layers keep the model's dtype, which no evidence at hand pins down."""
    with pytest.raises(NotUnderstoodError, match="turboquant_k8v4"):
        built(FullAttention(8, 128), engine_args=EngineArgs(kv_cache_dtype="turboquant_k8v4"))


def test_glm_5_chooses_fp8_on_blackwell_by_itself_since_0_32() -> None:
    """`auto` is bfloat16 on Hopper and in older versions, fp8 rows on compute capability 10.0."""
    model = ModelAttention(
        ((MlaLatent(512, 64, sparse=True),),), 64, "bfloat16", blackwell_kv_cache_dtype="fp8_e4m3"
    )
    rows = {
        (version, gpu): kv_layers(model, EngineArgs(), kv_rules(release_of(version)), gpu)[0][0][0].row_bytes
        for version, gpu in (("0.32.0", BLACKWELL), ("0.32.0", HOPPER), ("0.31.0", BLACKWELL))
    }
    assert list(rows.values()) == [576, 1152, 1152]


def test_a_compressed_layer_has_five_caches() -> None:
    """DeepSeek V4, ratio 4: window, latents, their compressor, the indexer's keys, their compressor."""
    layers = built(CompressedMla(512, 64, 128, 4, 128))
    assert [layer.page_bytes for layer in layers] == [37440, 37440, 32832, 8640, 8640]


def test_compressed_layers_are_known_where_flashmla_runs() -> None:
    """Hopper and data-centre Blackwell; other GPUs store them otherwise."""
    assert built(CompressedMla(512, 64, 128, 1, 128), gpu=BLACKWELL)
    with pytest.raises(NotUnderstoodError, match="DeepSeek V4"):
        built(CompressedMla(512, 64, 128, 1, 128), gpu=SM120)


def test_heads_with_sinks_of_their_own_are_not_repeated() -> None:
    """Pangu Pro MoE V2: two KV heads on four ranks, which vLLM refuses where keys in front are parameters."""
    heads = FullAttention(2, 192, 128, sink_tokens=128)
    assert built(heads)[0].kind is KVKind.SINK
    model = ModelAttention(((heads,),), 8, "bfloat16")
    assert tensor_parallel_fault(model, 2) is None
    assert "sinks" in (tensor_parallel_fault(model, 4) or "")


def on_ranks(
    model: ModelAttention, ranks: int, version: str = "0.32.0", **flags: Any
) -> list[list[tuple[KVKind, int]]]:
    args = EngineArgs(layout=ParallelConfig(pipeline_parallel_size=ranks), **flags)
    layers = kv_layers(model, args, kv_rules(release_of(version)), HOPPER)
    return [[(layer.kind, times) for layer, times in rank] for rank in layers]


def test_a_drafter_is_on_the_last_rank_and_a_tower_is_cut_by_itself() -> None:
    """Five layers over two ranks are 3 and 2; three of a tower 2 and 1; the drafter's one comes last."""
    window = SlidingWindow(8, 64, 128)
    model = ModelAttention(
        ((FullAttention(8, 128),),) * 5,
        64,
        "bfloat16",
        draft_layers=((MlaLatent(512, 64),),),
        tower_layers=((window,),) * 3,
    )
    assert on_ranks(model, 2) == [
        [(KVKind.FULL, 3), (KVKind.SLIDING, 2)],
        [(KVKind.FULL, 2), (KVKind.MLA, 1), (KVKind.SLIDING, 1)],
    ]
    assert on_ranks(model, 1) == [[(KVKind.FULL, 5), (KVKind.MLA, 1), (KVKind.SLIDING, 3)]]


MAMBA = Mamba2State(4096, 8, 64, 64, 128, 4, "float32")
"""2,134,016 bytes, on a rank with attention padded to 131 blocks of 16 KiB."""


@pytest.mark.parametrize(
    ("flags", "version", "block", "page"),
    [
        ({}, "0.32.0", 16, 2134016),
        ({"block_size": 32}, "0.32.0", 32, 2134016),
        ({"enable_prefix_caching": False}, "0.32.0", 2096, 2134016),
        ({"enable_prefix_caching": True}, "0.19.0", 2176, 2176 * 1024),
        ({}, "0.19.0", 2096, 2096 * 1024),
    ],
)
def test_states_on_a_rank_of_their_own_are_not_padded_since_0_20(
    flags: dict[str, Any], version: str, block: int, page: int
) -> None:
    """With cached prefixes their block is the flag's or 16 tokens; without, that of the ranks with attention. Before
    0.20 blocks were aligned before there were ranks, in whole chunks of 128 with cached prefixes."""
    chunked = replace(MAMBA, chunk_tokens=128)
    model = ModelAttention(((chunked,), (FullAttention(2, 128),)), 64, "bfloat16")
    args = EngineArgs(layout=ParallelConfig(pipeline_parallel_size=2), **flags)
    first, second = kv_layers(model, args, kv_rules(release_of(version)), HOPPER)
    (state, times), (full, _) = first[0], second[0]
    assert (state.block_tokens, state.page_bytes, times) == (block, page, 1)
    assert full.block_tokens == {32: 2112, 2176: 2176}.get(block, 2096)


def test_one_attention_layer_on_the_rank_pads_its_states() -> None:
    """States of both ranks, attention on the second alone."""
    layers = ((LightningState(64, 128),),) * 3 + ((FullAttention(2, 192),),)
    model = ModelAttention(layers, 64, "bfloat16")
    args = EngineArgs(layout=ParallelConfig(pipeline_parallel_size=2))
    first, second = kv_layers(model, args, NEWEST, HOPPER)
    assert first[0][0].page_bytes == 64 * 128 * 128 * 2
    assert second[0][0].page_bytes == second[1][0].page_bytes == 86 * 16 * 1536


def test_an_unknown_gpu_is_taken_for_hopper() -> None:
    """fp8 latents in blocks of 64, as on compute capability 9.0."""
    model = ModelAttention(((MlaLatent(512, 64),),), 64, "bfloat16")
    ((layer, _),) = kv_layers(model, EngineArgs(kv_cache_dtype="fp8"), NEWEST, None)[0]
    assert layer.block_tokens == 64


def test_the_block_size_flag_is_taken_when_a_backend_has_it() -> None:
    """--block-size 64 is one; 24 is none's."""
    (layer,) = built(FullAttention(8, 128), engine_args=EngineArgs(block_size=64))
    assert layer.block_tokens == 64
    with pytest.raises(BadInputError, match="--block-size 24"):
        built(FullAttention(8, 128), engine_args=EngineArgs(block_size=24))


def test_an_unlisted_cache_dtype_is_refused_with_the_nearest() -> None:
    """A misspelt dtype is bad input, not an unknown model."""
    with pytest.raises(BadInputError, match="fp8_e4m3"):
        built(FullAttention(8, 128), engine_args=EngineArgs(kv_cache_dtype="fp8_e4m4"))
