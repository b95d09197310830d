"""The blocks that full CUDA graphs of recurrent layers need."""

from __future__ import annotations

from typing import Any

import pytest

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.kv_cache import KVCache, kv_cache, kv_rules
from vllm_costmeter.core.kv_cache.graph_blocks import BlocksNeeded, blocks_needed
from vllm_costmeter.core.model.attention import (
    FullAttention,
    GatedDeltaState,
    LayerCaches,
    LightningState,
    Mamba2State,
    ModelAttention,
)
from vllm_costmeter.core.release import release_of

FULL = (FullAttention(8, 128),)
DELTA = (GatedDeltaState(16, 32, 128, 128, 4),)
MAMBA = (Mamba2State(4096, 8, 64, 64, 128, 4),)
LIGHTNING = (LightningState(64, 128),)
DRAFTING = {"method": "mtp", "num_speculative_tokens": 1}


def needed(*layers: LayerCaches, version: str = "0.33.0", is_measured: bool = False, **facts: Any) -> Any:
    """`is_measured`: vLLM itself counted the cache, and nothing else is known of the model."""
    model = ModelAttention(layers, 64, "bfloat16")
    cache = kv_cache(model, EngineArgs(), kv_rules(release_of(version)), max_num_batched_tokens=2048)
    stated: dict[str, Any] = {
        "max_num_seqs": 1024,
        "max_capture_size": 512,
        "cudagraph_mode": None,
        "speculative_config": None,
        "kv_cache_dtype": "auto",
        "compute_capability": (9, 0),
    }
    return blocks_needed(cache, None if is_measured else model, **stated | facts)


@pytest.mark.parametrize(
    ("version", "layers", "blocks"),
    [
        ("0.17.0", (FULL, DELTA), 512),
        ("0.17.0", (FULL, MAMBA), None),
        ("0.18.0", (FULL, DELTA), None),
        ("0.19.0", (FULL, MAMBA), None),
        ("0.20.0", (FULL, DELTA), 1024),
        ("0.33.0", (FULL, MAMBA), 1024),
        ("0.33.0", (DELTA,), 1024),
        ("0.33.0", (FULL,), None),
    ],
)
def test_each_release_has_its_own_rule(
    version: str, layers: tuple[LayerCaches, ...], blocks: int | None
) -> None:
    """0.17: gated delta nets alone, one block for each captured request; from 0.20 on one for each that may run."""
    assert needed(*layers, version=version) == (None if blocks is None else BlocksNeeded(blocks, True))


def test_no_more_requests_are_captured_than_may_run() -> None:
    """0.17 with 100 requests at most needs 100 blocks, though batches of 512 would be captured."""
    assert needed(FULL, DELTA, version="0.17.0", max_num_seqs=100) == BlocksNeeded(100, True)


@pytest.mark.parametrize(
    ("facts", "is_asked"),
    [
        ({"cudagraph_mode": "NONE"}, False),
        ({"cudagraph_mode": "PIECEWISE"}, False),
        ({"cudagraph_mode": "FULL"}, True),
        ({"cudagraph_mode": "FULL_AND_PIECEWISE"}, True),
        ({"max_capture_size": 0}, False),
        ({"max_capture_size": 1}, True),
    ],
)
def test_blocks_are_needed_where_a_full_step_is_captured(facts: dict[str, Any], is_asked: bool) -> None:
    """Piecewise graphs and eager mode write no state during capture."""
    assert needed(FULL, MAMBA, **facts) == (BlocksNeeded(1024, True) if is_asked else None)


def test_lightning_attention_captures_no_step_that_verifies_drafts() -> None:
    """MiniMax-Text-01 beside full attention: its backend verifies single tokens only, so drafting leaves piecewise
    graphs; without a draft its full graphs need their blocks."""
    assert needed(FULL, LIGHTNING) == BlocksNeeded(1024, True)
    assert needed(FULL, LIGHTNING, speculative_config=DRAFTING) is None
    assert needed(FULL, MAMBA, speculative_config=DRAFTING) == BlocksNeeded(1024, True)


def test_a_model_that_only_vllm_counted_needs_its_blocks_too() -> None:
    """What its layers are is not known, that they hold states is; 0.17 asks for gated delta nets by name."""
    assert needed(FULL, DELTA, is_measured=True) == BlocksNeeded(1024, True)
    assert needed(FULL, DELTA, is_measured=True, version="0.17.0") is None


@pytest.mark.parametrize(
    ("kv_cache_dtype", "capability", "is_certain"),
    [
        ("fp8", (8, 9), False),
        ("fp8", (9, 0), True),
        ("fp8", (10, 0), True),
        ("fp8", (10, 3), True),
        ("fp8_e4m3", (11, 0), False),
        ("fp8_e4m3", (12, 0), False),
        ("fp8", None, False),
        ("auto", None, True),
        ("nvfp4", (12, 0), True),
    ],
)
def test_drafted_tokens_are_certain_where_flashinfer_does_not_serve(
    kv_cache_dtype: str, capability: tuple[int, int] | None, is_certain: bool
) -> None:
    """FlashInfer takes fp8 caches where FlashAttention 3 (9.x) is not, and verifies with TRT-LLM's kernels on 10.x."""
    found = needed(
        FULL,
        DELTA,
        speculative_config=DRAFTING,
        kv_cache_dtype=kv_cache_dtype,
        compute_capability=capability,
    )
    assert found == BlocksNeeded(1024, is_certain)


def test_as_many_blocks_as_requests_are_enough() -> None:
    """Equality starts: the null block counts as one of them."""
    model = ModelAttention((FULL, DELTA), 64, "bfloat16")
    cache: KVCache = kv_cache(
        model, EngineArgs(), kv_rules(release_of("0.33.0")), max_num_batched_tokens=2048
    )
    (block_bytes,) = cache.bytes_per_block
    wanted = BlocksNeeded(100, is_certain=True)
    assert wanted.are_in(cache, 100 * block_bytes, 4096)
    assert not wanted.are_in(cache, 100 * block_bytes - 1, 4096)
