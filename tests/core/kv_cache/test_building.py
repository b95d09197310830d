"""The cache layers of one attention layer on one rank, and what a rank without attention stores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.kv_cache.building import CacheFormat, cache_layers, without_attention
from vllm_costmeter.core.kv_cache.dtypes import StateFormat
from vllm_costmeter.core.kv_cache.layers import KVKind, KVLayer
from vllm_costmeter.core.model.attention import (
    Cache,
    ChunkedLocal,
    CrossAttention,
    FullAttention,
    GatedDeltaState,
    KimiDeltaState,
    LightningState,
    Mamba2State,
    MlaLatent,
    OpenPool,
    RecurrentState,
    ShortConvState,
    ShortConvWindow,
    SlidingWindow,
    SparseIndexer,
)

PLAIN = CacheFormat(
    "bfloat16",
    "auto",
    block_tokens=16,
    tensor_parallel_size=1,
    states=StateFormat("bfloat16"),
    aligns_rows=False,
    packs_pools=False,
    aligns_windows=False,
    pools_windows=True,
    major=9,
)
HYBRID = replace(PLAIN, block_tokens=528, state_page_bytes=2_162_688)
LIGHTNING = LightningState(64, 128)
"""64 x 128 x 128 bfloat16 values: 2,097,152 bytes."""


def test_states_without_attention_keep_their_own_size_where_vllm_aligns_each_rank() -> None:
    """Nothing on that rank enlarges the block, and nothing pads the page."""
    found = without_attention(replace(HYBRID, lone_state_block_tokens=16))
    assert (found.block_tokens, found.state_page_bytes) == (16, None)


def test_a_release_that_aligns_all_ranks_alike_pads_them_too() -> None:
    """The format of the other ranks holds there."""
    assert without_attention(HYBRID) == HYBRID


@pytest.mark.parametrize(
    ("cache", "layer"),
    [
        (FullAttention(8, 128), KVLayer(KVKind.FULL, 16, 4096, (8, 128, 128))),
        (FullAttention(4, 192, 128), KVLayer(KVKind.FULL, 16, 2560, (4, 192, 128))),
        (FullAttention(2, 192, 128, sink_tokens=1), KVLayer(KVKind.SINK, 16, 1280, (2, 192, 128))),
        (
            SlidingWindow(4, 192, 128, 128),
            KVLayer(KVKind.SLIDING, 16, 2560, (4, 192, 128), window_tokens=128),
        ),
        (
            ChunkedLocal(8, 128, 8192),
            KVLayer(KVKind.CHUNKED, 16, 4096, (8, 128, 128), window_tokens=8192),
        ),
        (CrossAttention(20, 64), KVLayer(KVKind.CROSS, 16, 5120, (20, 64, 64))),
        (MlaLatent(512, 64), KVLayer(KVKind.MLA, 16, 1152, (576,))),
        (SparseIndexer(128), KVLayer(KVKind.MLA, 16, 132, (128,))),
        (SparseIndexer(256), KVLayer(KVKind.MLA, 16, 264, (256,))),
        (SparseIndexer(64), KVLayer(KVKind.MLA, 16, 64, (64,))),
        (SparseIndexer(128, pooled_tokens=4), KVLayer(KVKind.MLA, 16, 132, (128,), tokens_per_row=4)),
        (SparseIndexer(128, element_bytes=2), KVLayer(KVKind.MLA, 16, 256, (128,))),
        (OpenPool(256, 4), KVLayer(KVKind.RING, 4, 512, (256,))),
        (ShortConvWindow(8, 128, 4), KVLayer(KVKind.SLIDING, 4, 2048, window_tokens=4)),
    ],
)
def test_each_cache_has_the_rows_block_and_kind_of_its_spec(cache: Cache, layer: KVLayer) -> None:
    """Heads x (key + value) x 2 bytes in bfloat16; a latent of 512 + 64 values; an fp8 index key with a float32 scale
    per 128 values, or a plain one; one block of a convolution's inputs."""
    assert cache_layers(cache, PLAIN) == (layer,)


@pytest.mark.parametrize(
    ("pooled", "pools_windows", "window_tokens"), [(4, True, 14), (4, False, 50), (2, True, 26)]
)
def test_a_pooling_window_is_wider_and_counted_by_release(
    pooled: int, pools_windows: bool, window_tokens: int
) -> None:
    """A row holds as many tokens' heads. The window of 50 is 12.5 pools of four, so 13, or 25 of two, and a block of
    margin; before 0.25 it was counted in the layer's own tokens."""
    form = replace(PLAIN, pools_windows=pools_windows)
    (layer,) = cache_layers(SlidingWindow(8, 64, 50, pooled_tokens=pooled), form)
    heads = 8 * pooled
    assert layer == KVLayer(KVKind.SLIDING, 16, heads * 256, (heads, 64, 64), window_tokens=window_tokens)


def test_a_window_that_pools_nothing_is_counted_as_it_is() -> None:
    """No block of margin where one token is one row."""
    (layer,) = cache_layers(SlidingWindow(8, 64, 50), PLAIN)
    assert layer.window_tokens == 50


@pytest.mark.parametrize(("tensor", "heads"), [(1, 8), (2, 4), (8, 1), (16, 1)])
def test_ranks_divide_the_heads_and_have_one_at_least(tensor: int, heads: int) -> None:
    """Heads are repeated where ranks outnumber them."""
    (layer,) = cache_layers(FullAttention(8, 128), replace(PLAIN, tensor_parallel_size=tensor))
    assert (layer.row_bytes, layer.shape) == (heads * 512, (heads, 128, 128))


@pytest.mark.parametrize(("aligns_rows", "stride"), [(True, 656), (False, 1)])
def test_blocks_may_be_whole_rows_of_latents(aligns_rows: bool, stride: int) -> None:
    """Packed latents of 656 bytes, since 0.31."""
    form = replace(PLAIN, kv_dtype="fp8_ds_mla", aligns_rows=aligns_rows)
    assert cache_layers(MlaLatent(512, 64), form)[0].stride_bytes == stride


def test_packed_latents_without_positions_are_unknown() -> None:
    """The packed format has a rotary part; plain formats need none."""
    with pytest.raises(NotUnderstoodError, match="fp8_ds_mla"):
        cache_layers(MlaLatent(512, 0), replace(PLAIN, kv_dtype="fp8_ds_mla"))
    assert cache_layers(MlaLatent(512, 0), PLAIN)[0].row_bytes == 1024


@pytest.mark.parametrize(
    ("drafted", "tokens"), [(0, 4), (1, 8), (4, 8), (5, 16), (8, 16), (12, 16), (13, 32)]
)
def test_a_ring_of_pools_is_a_power_of_two_of_them(drafted: int, tokens: int) -> None:
    """Glm5NextTailCache: pools of 4 tokens that an open one and the drafted tokens span: 1, 2, 2, 3, 3, 4 and 5."""
    form = replace(PLAIN, states=StateFormat("bfloat16", speculative_tokens=drafted))
    assert cache_layers(OpenPool(256, 4), form)[0].block_tokens == tokens


def test_a_convolution_beside_attention_is_divided_by_its_heads() -> None:
    """Eight KV heads: one a rank on eight, and no more ranks than heads."""
    window = ShortConvWindow(8, 128, 4)
    (layer,) = cache_layers(window, replace(PLAIN, tensor_parallel_size=8))
    assert layer.row_bytes == 256
    with pytest.raises(BadInputError, match="8 KV heads do not divide by 16"):
        cache_layers(window, replace(PLAIN, tensor_parallel_size=16))


@pytest.mark.parametrize(("page", "padded"), [(None, None), (2_097_152, None), (2_162_688, 2_162_688)])
def test_a_state_is_padded_to_a_page_that_is_not_its_own_size(page: int | None, padded: int | None) -> None:
    """Two layers that need no padding share a block layout, however the page was found."""
    (layer,) = cache_layers(LIGHTNING, replace(PLAIN, state_page_bytes=page))
    assert layer == KVLayer(KVKind.MAMBA, 16, 2_097_152, padded_page_bytes=padded, state_blocks=1)


def test_a_convolution_that_every_rank_holds_whole_is_a_layout_of_its_own() -> None:
    """Qwen4-Exp's, beside states of equal size that are divided."""
    whole = cache_layers(ShortConvState(2048, 3, is_whole=True), PLAIN)[0]
    divided = cache_layers(ShortConvState(2048, 3), PLAIN)[0]
    assert (whole.shape, divided.shape) == ((1,), ())
    assert whole.row_bytes == divided.row_bytes == 2 * 2048 * 2


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (Mamba2State(4096, 8, 64, 64, 128, 4), "mamba2"),
        (GatedDeltaState(16, 32, 128, 128, 4), "delta"),
        (KimiDeltaState(8, 128, 4, checkpoint="kimi_k3"), "kimi_k3"),
        (KimiDeltaState(8, 128, 4, checkpoint="glm5_next"), "glm5_next"),
        (KimiDeltaState(8, 128, 4), None),
        (LIGHTNING, None),
    ],
)
def test_a_checkpoint_is_one_state_more_for_the_layers_that_keep_one(
    state: RecurrentState, name: str | None
) -> None:
    """Each kind of layer by itself; Kimi-Linear's and lightning attention keep none."""
    for kept in ("mamba2", "delta", "kimi_k3", "glm5_next"):
        form = replace(PLAIN, state_blocks=2, checkpointed=frozenset({kept}))
        assert cache_layers(state, form)[0].state_blocks == (3 if kept == name else 2)
