"""Layers that attend to chosen regions (Step 5)."""

from __future__ import annotations

import pytest

from tests.builders.built_layers import SM120, built
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, GpuCannotError
from vllm_costmeter.core.kv_cache.layers import KVKind
from vllm_costmeter.core.model.attention import RegionAttention


def test_a_layer_of_regions_stores_keys_summaries_and_a_ring_of_one_page() -> None:
    """Step 5: 16 tokens of four heads of 192, two summaries of 256 bytes, and a ring as large as the first page."""
    layers = built(RegionAttention(4, 192, 256, 8), version="0.33.0")
    assert [(layer.kind, layer.page_bytes) for layer in layers] == [
        (KVKind.FULL, 49152),
        (KVKind.FULL, 512),
        (KVKind.RING, 49152),
    ]


@pytest.mark.parametrize(
    ("engine_args", "why"),
    [
        (EngineArgs(speculative_config={"num_speculative_tokens": 45}), "52 rows"),
        (EngineArgs(kv_cache_dtype="nvfp4"), "--kv-cache-dtype nvfp4"),
    ],
)
def test_a_ring_that_does_not_fit_into_a_page_is_refused(engine_args: EngineArgs, why: str) -> None:
    """Step 5: seven rows of the open region and one for each drafted token, of 1024 bytes; and other cache formats."""
    with pytest.raises(BadInputError, match=why):
        built(RegionAttention(4, 192, 256, 8), engine_args=engine_args, version="0.33.0")


def test_regions_need_hopper_or_blackwell() -> None:
    """Step 5's sparse attention: compute capability 9.0, 10.0 and 10.3."""
    with pytest.raises(GpuCannotError, match="Step 5"):
        built(RegionAttention(4, 192, 256, 8), gpu=SM120, version="0.33.0")
