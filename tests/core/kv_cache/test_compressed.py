"""The caches of a DeepSeek V4 layer."""

from __future__ import annotations

import pytest

from tests.builders.built_layers import BLACKWELL, built
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.kv_cache.compressed import compressed_layers
from vllm_costmeter.core.kv_cache.layers import KVKind, KVLayer
from vllm_costmeter.core.model.attention import CompressedMla

LATENT = 448 + 2 * 64 + 8
"""Bytes: 448 values in fp8, 64 rotary ones in bfloat16, 8 scales."""
WINDOW = KVLayer(KVKind.SLIDING_MLA, 64, LATENT, padded_page_bytes=37440, window_tokens=128)
"""64 x 584 = 37,376 bytes, raised to 65 strides of 576."""


def layer(ratio: int, index_head_dim: int = 128) -> CompressedMla:
    return CompressedMla(512, 64, 128, ratio, index_head_dim)


@pytest.mark.parametrize("ratio", [0, 1])
def test_a_layer_that_compresses_nothing_has_its_window_alone(ratio: int) -> None:
    """DeepseekV4SWACache: blocks of 64 latents."""
    assert compressed_layers(layer(ratio), "auto") == (WINDOW,)


def test_a_ratio_of_128_keeps_latents_and_the_open_group() -> None:
    """Two latents in a block of 256 tokens: 1,168 bytes, raised to 3 x 576. The group: eight rows of 512 float32 keys
    and scores, 32,768 bytes, raised to 57 x 576; its window is the group."""
    assert compressed_layers(layer(128), "fp8") == (
        WINDOW,
        KVLayer(KVKind.MLA, 256, LATENT, tokens_per_row=128, padded_page_bytes=1728),
        KVLayer(KVKind.SLIDING_MLA, 8, 4096, padded_page_bytes=32832, window_tokens=128),
    )


def test_a_ratio_of_4_overlaps_its_groups_and_adds_an_indexer() -> None:
    """64 latents a block; groups reach back over two of four tokens, in rows twice as wide. The indexer's 64 keys of
    132 bytes are 8,448, raised to 15 x 576; its groups are four rows of 2 x 2 x 128 float32, 8,192, raised to 8,640."""
    assert compressed_layers(layer(4), "fp8_ds_mla") == (
        WINDOW,
        KVLayer(KVKind.MLA, 256, LATENT, tokens_per_row=4, padded_page_bytes=37440),
        KVLayer(KVKind.SLIDING_MLA, 4, 8192, padded_page_bytes=32832, window_tokens=8),
        KVLayer(KVKind.MLA, 256, 132, tokens_per_row=4, padded_page_bytes=8640),
        KVLayer(KVKind.SLIDING_MLA, 4, 2048, padded_page_bytes=8640, window_tokens=8),
    )


def test_an_index_key_has_a_scale_per_128_values() -> None:
    """256 values in fp8 and two float32 scales; 64 of 264 bytes are 16,896, raised to 30 x 576."""
    index = compressed_layers(layer(4, index_head_dim=256), "auto")[3]
    assert (index.row_bytes, index.page_bytes) == (264, 17280)


def test_a_page_of_whole_strides_is_not_padded() -> None:
    """A latent of 440 + 2 x 64 + 8 = 576 bytes is a stride itself."""
    (window,) = compressed_layers(CompressedMla(504, 64, 128, 1, 128), "auto")
    assert (window.row_bytes, window.padded_page_bytes, window.page_bytes) == (576, None, 64 * 576)


@pytest.mark.parametrize(
    ("ratio", "kv_dtype", "says"),
    [
        (8, "auto", "ratio 8 is not known"),
        (2, "auto", "ratio 2"),
        (4, "bfloat16", "--kv-cache-dtype bfloat16"),
    ],
)
def test_other_ratios_and_formats_are_unknown(ratio: int, kv_dtype: str, says: str) -> None:
    """CompressorStateCache asserts 4 or 128, and FlashMLA reads the packed format alone."""
    with pytest.raises(NotUnderstoodError, match=says):
        compressed_layers(layer(ratio), kv_dtype)


def test_blocks_of_compressed_layers_are_256_tokens() -> None:
    """FLASHMLA_SPARSE_DSV4 takes no other: 512 is a multiple, 128 is refused."""
    assert built(layer(4), engine_args=EngineArgs(block_size=512), gpu=BLACKWELL)
    with pytest.raises(BadInputError, match="multiple of 256"):
        built(layer(4), engine_args=EngineArgs(block_size=128))


def test_turing_to_ada_store_compressed_layers_otherwise() -> None:
    """Compute capability 8.x is not one of those that FlashMLA serves."""
    with pytest.raises(NotUnderstoodError, match="DeepSeek V4's"):
        built(layer(1), gpu=(8, 0))
