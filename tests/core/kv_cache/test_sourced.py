"""Layers of which few store what the others read (DeepSeek V4.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders.built_layers import BLACKWELL, HOPPER, SM120, built
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.kv_cache import kv_rules
from vllm_costmeter.core.kv_cache.layers import KVKind, KVLayer
from vllm_costmeter.core.kv_cache.layout import kv_layers
from vllm_costmeter.core.kv_cache.sourced import check_sources
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


@pytest.mark.parametrize(
    ("gpu", "layers"),
    [
        (
            HOPPER,
            [
                KVLayer(KVKind.SLIDING_MLA, 32, 584, padded_page_bytes=19008, window_tokens=128),
                KVLayer(KVKind.MLA, 64, 584, tokens_per_row=2, padded_page_bytes=19008),
                KVLayer(KVKind.MLA, 64, 132, tokens_per_row=2, padded_page_bytes=4608),
                KVLayer(KVKind.RING, 8, 4096),
            ],
        ),
        (
            BLACKWELL,
            [
                KVLayer(KVKind.SLIDING_MLA, 32, 528, window_tokens=128, stride_bytes=3168),
                KVLayer(KVKind.MLA, 128, 288, tokens_per_row=2),
                KVLayer(KVKind.MLA, 128, 132, tokens_per_row=2, padded_page_bytes=8704),
                KVLayer(KVKind.RING, 8, 4096),
            ],
        ),
    ],
)
def test_each_cache_of_a_source_has_its_block_rows_and_padding(
    gpu: tuple[int, int], layers: list[KVLayer]
) -> None:
    """0.33. Hopper: 32 records of 584 bytes are 18,688, raised to 33 x 576; keys of 132 bytes 4,224, raised to 4,608.
    Blackwell: 32 x 528 and 64 x 288 are whole 512s, 64 x 132 = 8,448 is raised to 8,704; lcm(528, 288) is 3,168."""
    assert built(SOURCE, gpu=gpu, version="0.33.0") == layers


def test_rows_of_windows_and_pools_in_one_format_are_one_stride() -> None:
    """16 tensor-parallel ranks do not divide eight groups of heads: pools are records of 528 bytes."""
    args = EngineArgs(layout=ParallelConfig(tensor_parallel_size=16))
    assert built(SOURCE, gpu=BLACKWELL, version="0.33.0", engine_args=args)[0].stride_bytes == 528


@pytest.mark.parametrize(
    ("mega_groups", "kv_dtype", "tensor", "pooled_bytes"),
    [
        (8, "auto", 1, 288),
        (8, "fp8", 8, 288),
        (8, "fp8", 3, 528),
        (0, "auto", 1, 528),
        (8, "fp8_ds_mla", 1, 528),
        (0, "nvfp4_ds_mla", 1, 288),
        (1, "auto", 1, 288),
    ],
)
def test_pools_are_nvfp4_where_mega_attention_runs_or_the_flag_says_so(
    mega_groups: int, kv_dtype: str, tensor: int, pooled_bytes: int
) -> None:
    """Compute capability 10.x: groups of heads that the ranks divide; `fp8_ds_mla` names the other format."""
    args = EngineArgs(layout=ParallelConfig(tensor_parallel_size=tensor), kv_cache_dtype=kv_dtype)
    layers = built(replace(SOURCE, mega_groups=mega_groups), gpu=BLACKWELL, engine_args=args)
    assert [layer.row_bytes for layer in layers[:2]] == [528, pooled_bytes]


@pytest.mark.parametrize(
    ("kv_dtype", "gpu", "version"),
    [
        ("bfloat16", HOPPER, "0.32.0"),
        ("fp8_e4m3", BLACKWELL, "0.32.0"),
        ("nvfp4_ds_mla", HOPPER, "0.32.0"),
        ("nvfp4_ds_mla", SM120, "0.32.0"),
        ("nvfp4_ds_mla", BLACKWELL, "0.30.0"),
    ],
)
def test_other_cache_formats_are_refused(kv_dtype: str, gpu: tuple[int, int], version: str) -> None:
    """Records of fp8 alone, and NVFP4 on compute capability 10.x from 0.31."""
    with pytest.raises(BadInputError, match=f"--kv-cache-dtype {kv_dtype}: DeepSeek V4.1 takes"):
        built(SOURCE, gpu=gpu, version=version, engine_args=EngineArgs(kv_cache_dtype=kv_dtype))


def test_another_latent_is_unknown() -> None:
    """The compressor takes 512 values."""
    with pytest.raises(NotUnderstoodError, match="256 values are not known; known: 512"):
        built(replace(SOURCE, head_dim=256))


def test_an_index_key_has_a_scale_per_128_values() -> None:
    """256 values in fp8 and two float32 scales."""
    assert built(replace(SOURCE, index_head_dim=256))[2].row_bytes == 264


def test_a_layer_that_reads_another_s_cache_stores_its_window_alone() -> None:
    """The pools and keys are the source's."""
    (window,) = built(SourcedMla(512, 64, 128, 128), version="0.33.0", gpu=BLACKWELL)
    assert (window.kind, window.page_bytes) == (KVKind.SLIDING_MLA, 16896)


@pytest.mark.parametrize(("drafted", "rows"), [(0, 8), (6, 8), (7, 16), (14, 16), (15, 32)])
def test_a_ring_has_a_power_of_two_of_rows_eight_at_least(drafted: int, rows: int) -> None:
    """CompressorStateCache: drafts, one more and the row before: 2, 8, 9, 16 and 17 of them."""
    args = EngineArgs(speculative_config={"num_speculative_tokens": drafted})
    assert built(SOURCE, engine_args=args)[-1].block_tokens == rows


READER, WINDOW_ONLY = SourcedMla(512, 64, 128, 128, pooled_tokens=2), SourcedMla(512, 64, 128, 128)


@pytest.mark.parametrize(
    ("layers", "is_refused"),
    [
        ((SOURCE, READER, READER), False),
        ((WINDOW_ONLY, SOURCE, READER), False),
        ((WINDOW_ONLY, WINDOW_ONLY), False),
        ((READER, SOURCE), True),
        ((WINDOW_ONLY, READER), True),
    ],
)
def test_a_reader_needs_a_source_before_it_on_its_rank(
    layers: tuple[SourcedMla, ...], is_refused: bool
) -> None:
    """Layers with a window alone read nothing, and a source after the reader comes too late."""
    caches = tuple((layer,) for layer in layers)
    if not is_refused:
        check_sources(caches)
        return
    with pytest.raises(BadInputError, match="share a cache"):
        check_sources(caches)
