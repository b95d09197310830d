"""Layers of which few store what the others read (DeepSeek V4.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders.built_layers import BLACKWELL, HOPPER, SM120, built
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.kv_cache import kv_rules
from vllm_costmeter.core.kv_cache.layers import KVKind
from vllm_costmeter.core.kv_cache.layout import kv_layers
from vllm_costmeter.core.model.attention import ModelAttention, SourcedMla
from vllm_costmeter.core.release import release_of

SOURCE = SourcedMla(512, 64, 128, 128, pooled_tokens=2, is_source=True, mega_groups=8)


@pytest.mark.parametrize(
    ("gpu", "tensor", "pages"),
    [
        (HOPPER, 1, [19008, 19008, 4608, 32768]),
        (SM120, 1, [19008, 37440, 8640, 32768]),
        (BLACKWELL, 1, [16896, 18432, 8704, 32768]),
        (BLACKWELL, 16, [16896, 33792, 8704, 32768]),
    ],
)
def test_a_source_layer_stores_its_window_pools_keys_and_a_ring(
    gpu: tuple[int, int], tensor: int, pages: list[int]
) -> None:
    """DeepSeek V4.1: records of 584 bytes, on compute capability 10.x of 528, and pools of 288 where mega attention
    runs (32, 64 and 128 tokens a block; records and alignments of attention.py, vLLM 0.32)."""
    args = EngineArgs(layout=ParallelConfig(tensor_parallel_size=tensor))
    assert [layer.page_bytes for layer in built(SOURCE, gpu=gpu, engine_args=args)] == pages


def test_pools_in_nvfp4_since_0_31() -> None:
    """Blackwell: 0.30 has no mega attention, and stores pools in records of 528 bytes too."""
    pages = [built(SOURCE, gpu=BLACKWELL, version=version)[1].page_bytes for version in ("0.30.0", "0.31.0")]
    assert pages == [33792, 18432]


def test_a_ring_holds_the_drafted_tokens_too() -> None:
    """Seven drafted tokens, one more and the row before: 16 rows of float32."""
    ring = built(SOURCE, engine_args=EngineArgs(speculative_config={"num_speculative_tokens": 7}))[-1]
    assert (ring.kind, ring.block_tokens, ring.page_bytes) == (KVKind.RING, 16, 65536)


def test_whole_rows_of_v4_1_in_a_block_since_0_33() -> None:
    """Blackwell: a block over all layers is whole rows of 528 and of 288 bytes."""
    strides = [
        built(SOURCE, gpu=BLACKWELL, version=version)[0].stride_bytes for version in ("0.32.0", "0.33.0")
    ]
    assert strides == [1, 3168]


def test_a_cut_between_layers_that_share_a_cache_is_refused() -> None:
    """DeepSeek V4.1 with pipeline parallelism: the second rank reads what the first stores."""
    reader = SourcedMla(512, 64, 128, 128, pooled_tokens=2)
    model = ModelAttention(((SOURCE,), (reader,)), 64, "bfloat16")
    with pytest.raises(BadInputError, match="share a cache"):
        kv_layers(model, EngineArgs(layout=ParallelConfig(1, 2)), kv_rules(release_of("0.32.0")), HOPPER)


def test_a_source_that_pools_nothing_has_no_ring() -> None:
    """A compressor of ratio 1 keeps no tokens that wait for the rest of their pool."""
    kinds = [layer.kind for layer in built(replace(SOURCE, pooled_tokens=1))]
    assert kinds == [KVKind.SLIDING_MLA, KVKind.MLA, KVKind.MLA]
