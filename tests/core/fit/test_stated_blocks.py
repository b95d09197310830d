"""A KV cache of as many blocks as --num-gpu-blocks-override says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from example_models import llama

from vllm_costmeter.api import check
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.sizing import deployment
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import read_model

DENSE = Path(__file__).parents[2] / "data" / "models" / "Qwen__Qwen3-1.7B"
L40S = GpuGroup("L40S", round(44.39 * 2**30), compute_capability=(8, 9))


@pytest.mark.parametrize(
    ("blocks", "length", "verdict"),
    [(500, 8192, "refused"), (513, 8192, "fits"), (512, 8192, "refused"), (1 << 20, 8192, "refused")],
)
def test_the_blocks_are_the_pool(blocks: int, length: int, verdict: str) -> None:
    """16 tokens each, one of which vLLM 0.31 holds back; more than the GPU holds are refused by the flag's name."""
    found = check(
        str(DENSE), "L40S", max_model_len=length, vllm_version="0.31.0", num_gpu_blocks_override=blocks
    )
    assert found.verdict == verdict
    assert found.kv_cache is not None
    assert found.kv_cache.tokens == blocks * 16
    if blocks == 1 << 20:
        assert found.message.startswith("--num-gpu-blocks-override leaves too little")


def test_they_win_over_the_pool_in_bytes() -> None:
    """As in vLLM, which replaces the memory by them last."""
    asked = EngineArgs(max_model_len=1024, kv_cache_memory_bytes=8 << 30, num_gpu_blocks_override=100)
    found = fit(read_model(DENSE, "m"), L40S, asked, release_of("0.31.0"))
    assert found.kv_cache is not None
    assert found.kv_cache.tokens == 1600
    assert found.engine_args is asked


def test_of_ranks_with_unlike_blocks_the_fewest_count() -> None:
    """28 layers over three ranks: each has at least the blocks that were stated."""
    asked = EngineArgs(
        max_model_len=1024, num_gpu_blocks_override=100, layout=ParallelConfig(pipeline_parallel_size=3)
    )
    found = fit(read_model(DENSE, "m"), replace(L40S, count=3), asked, release_of("0.31.0"))
    assert found.kv_cache is not None
    assert found.kv_cache.tokens == 1600


def test_older_releases_and_unknown_caches_have_the_pool_that_memory_allows() -> None:
    """Up to 0.20 the blocks change after the memory was checked."""
    asked = EngineArgs(num_gpu_blocks_override=100)
    for model, release in (
        (read_model(DENSE, "m"), "0.20.0"),
        (replace(llama(), not_understood="new"), "0.31.0"),
    ):
        assert deployment(model, L40S, asked, release_of(release)).engine_args is asked
