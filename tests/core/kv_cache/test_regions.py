"""Layers that attend to chosen regions (Step 5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders.built_layers import BLACKWELL, SM120, built
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, GpuCannotError
from vllm_costmeter.core.kv_cache.layers import KVKind, KVLayer
from vllm_costmeter.core.model.attention import FullAttention, RegionAttention

STEP = RegionAttention(4, 192, 256, 8)
"""Four heads of 192 in bfloat16: 4 x 2 x 192 x 2 = 3,072 bytes a token."""


def test_a_layer_of_regions_stores_keys_summaries_and_a_ring_of_one_page() -> None:
    """Step 5: 16 tokens of four heads of 192, two summaries of 256 bytes, and a ring as large as the first page. Blocks
    over all layers are whole regions of eight tokens, and whole rows of the ring."""
    assert built(STEP, version="0.33.0", gpu=BLACKWELL) == [
        KVLayer(KVKind.FULL, 16, 3072, (4, 192, 192), stride_bytes=8 * 3072),
        KVLayer(KVKind.FULL, 16, 256, tokens_per_row=8),
        KVLayer(KVKind.RING, 16, 3072, stride_bytes=1024),
    ]


def test_a_region_as_long_as_the_block_asks_for_no_stride() -> None:
    """A block is then one region, and its page is whole by itself."""
    keys = built(replace(STEP, region_tokens=16), version="0.33.0")[0]
    assert keys.stride_bytes == 1


@pytest.mark.parametrize(
    ("tensor", "kv_dtype", "row_bytes", "heads"),
    [(2, "auto", 1536, 2), (4, "bfloat16", 768, 1), (8, "auto", 768, 1), (1, "fp8", 1536, 4)],
)
def test_heads_are_divided_and_repeated_beyond_their_number(
    tensor: int, kv_dtype: str, row_bytes: int, heads: int
) -> None:
    """768 bytes a head in bfloat16, half of it in fp8; a rank has one head at least."""
    args = EngineArgs(layout=ParallelConfig(tensor_parallel_size=tensor), kv_cache_dtype=kv_dtype)
    keys = built(STEP, engine_args=args, version="0.33.0")[0]
    assert (keys.row_bytes, keys.shape) == (row_bytes, (heads, 192, 192))


@pytest.mark.parametrize(
    ("engine_args", "why"),
    [
        (EngineArgs(speculative_config={"num_speculative_tokens": 42}), "49 rows"),
        (EngineArgs(kv_cache_dtype="nvfp4"), "--kv-cache-dtype nvfp4"),
    ],
)
def test_a_ring_that_does_not_fit_into_a_page_is_refused(engine_args: EngineArgs, why: str) -> None:
    """Step 5: seven rows of the open region and one for each drafted token, of 1024 bytes; and other cache formats."""
    with pytest.raises(BadInputError, match=why):
        built(STEP, engine_args=engine_args, version="0.33.0")


def test_a_ring_may_fill_its_page() -> None:
    """48 rows of 1,024 bytes: 7 of the open region and 41 drafted tokens."""
    drafting = EngineArgs(speculative_config={"num_speculative_tokens": 41})
    assert built(STEP, engine_args=drafting, version="0.33.0")[2].page_bytes == 48 * 1024


@pytest.mark.parametrize(
    ("cache", "why"),
    [
        (replace(STEP, head_size=190), "a page of 48640 bytes"),
        (replace(STEP, region_tokens=12), "--block-size 16: Step 5 needs a multiple of 12"),
    ],
)
def test_pages_and_blocks_that_are_not_whole_are_refused(cache: RegionAttention, why: str) -> None:
    """A page of 47.5 rows of the ring, and a block of one region and a third."""
    with pytest.raises(BadInputError, match=why):
        built(cache, version="0.33.0")


@pytest.mark.parametrize("gpu", [SM120, (8, 0), (11, 0)])
def test_regions_need_hopper_or_blackwell(gpu: tuple[int, int]) -> None:
    """Step 5's sparse attention: compute capability 9.0, 10.0 and 10.3, whatever its other layers are."""
    with pytest.raises(GpuCannotError, match="Step 5"):
        built(STEP, FullAttention(8, 128), gpu=gpu, version="0.33.0")
