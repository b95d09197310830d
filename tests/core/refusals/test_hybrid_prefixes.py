"""Prefix caching of recurrent layers: what it needs of the batch, of chunks and of images."""

from __future__ import annotations

from typing import Any

import pytest
from refused_starts import arguments, judged

from vllm_costmeter.core.fit.result import Fit

QWEN, NEMOTRON = "Qwen__Qwen3.5-35B-A3B", "nvidia__NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"


def hybrid(release: str, model: str = QWEN, **flags: Any) -> Fit:
    return judged(model, release=release, **{"max_num_seqs": 64, **flags})


@pytest.mark.parametrize("release", ["0.17.0", "0.24.0", "0.26.0"])
def test_a_step_below_the_aligned_block_is_refused_up_to_0_26(release: str) -> None:
    """2,096 tokens with an fp8 cache, as vLLM says of it; the suggested batch starts, and so does no caching."""
    asked: dict[str, Any] = {"kv_cache_dtype": "fp8", "enable_prefix_caching": True}
    result = hybrid(release, max_num_batched_tokens=2048, **asked)
    assert (result.verdict, result.reason) == ("refused", "max_num_batched_tokens")
    assert "2,096" in result.message
    assert arguments(result) == ["--no-enable-prefix-caching", "--max-num-batched-tokens 2096"]
    assert hybrid(release, max_num_batched_tokens=2096, **asked).verdict == "fits"


@pytest.mark.parametrize(
    "flags",
    [
        {"vllm_version": "0.27.0", "enable_prefix_caching": True},
        {"vllm_version": "0.28.0"},
        {"vllm_version": "0.26.0"},
        {"vllm_version": "0.26.0", "enable_prefix_caching": False},
    ],
    ids=["0.27 serves it", "0.28 caches by default", "0.26 caches nothing by default", "told not to"],
)
def test_a_small_step_is_served_elsewhere(flags: dict[str, Any]) -> None:
    """From 0.27 in any case, before without prefix caching, which has to be asked for."""
    flags = {"kv_cache_dtype": "fp8", "max_num_batched_tokens": 2048, **flags}
    assert hybrid("", **flags).verdict == "fits"


@pytest.mark.parametrize(("mode", "verdict"), [(None, "fits"), ("all", "fits"), ("align", "refused")])
def test_mamba_keeps_a_state_for_every_block_unless_it_is_aligned(mode: str | None, verdict: str) -> None:
    """Mode `all` is the default of Mamba 2 before 0.28 and has no such condition."""
    flags = {"max_num_batched_tokens": 1024, "enable_prefix_caching": True, "mamba_cache_mode": mode}
    assert hybrid("0.24.0", NEMOTRON, **flags).verdict == verdict


@pytest.mark.parametrize(
    ("release", "verdict"), [("0.19.1", "fits"), ("0.21.0", "refused"), ("0.22.0", "fits")]
)
def test_drafting_aligns_mamba_in_0_20_and_0_21(release: str, verdict: str) -> None:
    """Elsewhere it keeps every block's state with speculative decoding too."""
    asked = {"method": "ngram", "num_speculative_tokens": 1}
    flags: dict[str, Any] = {"max_num_batched_tokens": 1024, "enable_prefix_caching": True}
    assert hybrid(release, NEMOTRON, speculative_config=asked, **flags).verdict == verdict


@pytest.mark.parametrize(
    ("release", "caching", "verdict"),
    [
        ("0.27.1", None, "fits"),
        ("0.27.1", True, "refused"),
        ("0.28.0", None, "refused"),
        ("0.28.0", False, "fits"),
        ("0.33.0", None, "refused"),
    ],
)
def test_prefix_caching_needs_chunked_prefill(release: str, caching: bool | None, verdict: str) -> None:
    """It is on by default from 0.28."""
    result = hybrid(release, enable_chunked_prefill=False, enable_prefix_caching=caching)
    assert result.verdict == verdict
    if verdict == "refused":
        assert result.reason == "prefix_caching"
        assert arguments(result)[0] == "--enable-chunked-prefill"


def test_images_may_end_a_step_inside_them() -> None:
    """--disable-chunked-mm-input forbids it; without prefix caching it is not asked for."""
    flags: dict[str, Any] = {"disable_chunked_mm_input": True, "max_num_batched_tokens": 16384}
    result = hybrid("0.33.0", **flags)
    assert (result.verdict, result.reason) == ("refused", "prefix_caching")
    assert "--no-disable-chunked-mm-input" in arguments(result)
    assert hybrid("0.33.0", enable_prefix_caching=False, **flags).verdict == "fits"


@pytest.mark.parametrize(("threshold", "verdict"), [(1024, "refused"), (2096, "fits"), (0, "fits")])
def test_long_prompts_are_cut_into_whole_blocks(threshold: int, verdict: str) -> None:
    """--long-prefill-token-threshold below the block, where it is set."""
    flags: dict[str, Any] = {"kv_cache_dtype": "fp8", "enable_prefix_caching": True}
    assert hybrid("0.24.0", long_prefill_token_threshold=threshold, **flags).verdict == verdict


@pytest.mark.parametrize(
    ("release", "flags", "verdict"),
    [
        ("0.24.0", {}, "refused"),
        ("0.24.0", {"enable_prefix_caching": True}, "fits"),
        ("0.33.0", {}, "fits"),
        ("0.33.0", {"enable_prefix_caching": False}, "refused"),
        ("0.24.0", {"mamba_block_size": 8192}, "fits"),
    ],
)
def test_a_block_of_states_needs_prefix_caching(release: str, flags: dict[str, Any], verdict: str) -> None:
    """--mamba-block-size other than the context length, which is its value without caching."""
    assert hybrid(release, **{"mamba_block_size": 2048, **flags}).verdict == verdict
