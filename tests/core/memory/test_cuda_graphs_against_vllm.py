"""Random settings: the sizes that we and the installed vLLM 0.32 capture, every one equal."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
from example_models import ADA, llama
from required_tool import required_module

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.memory.cuda_graphs import graph_count
from vllm_costmeter.core.release import release_of

pytestmark = pytest.mark.heavy


def captured_by_vllm(asked: EngineArgs, drafted: int) -> int:
    """By its own function, of what it reads of its configuration."""
    from vllm.config import CUDAGraphMode, VllmConfig

    compilation = SimpleNamespace(
        max_cudagraph_capture_size=asked.max_cudagraph_capture_size,
        cudagraph_capture_sizes=None,
        cudagraph_mode=CUDAGraphMode.PIECEWISE,
        pass_config=SimpleNamespace(enable_sp=False),
        post_init_cudagraph_sizes=lambda: None,
    )
    config: Any = SimpleNamespace(
        model_config=SimpleNamespace(enforce_eager=False),
        compilation_config=compilation,
        scheduler_config=SimpleNamespace(
            max_num_seqs=asked.max_num_seqs, max_num_batched_tokens=asked.max_num_batched_tokens
        ),
        num_speculative_tokens=drafted,
        uniform_decode_query_len=1 + drafted,
        speculative_config=SimpleNamespace(uses_dynamic_speculative_decoding=lambda: False),
        performance_mode=asked.performance_mode,
        parallel_config=SimpleNamespace(tensor_parallel_size=1),
    )
    VllmConfig._set_cudagraph_sizes(config)
    return len(compilation.cudagraph_capture_sizes)


@pytest.mark.parametrize("seed", range(200))
def test_every_size_is_captured(seed: int) -> None:
    """By batch, drafts, mode and limit."""
    required_module("vllm")
    draw = random.Random(seed)
    seqs, drafted = draw.choice([1, 2, 3, 8, 17, 100, 256, 300, 1024]), draw.choice([0, 0, 1, 2, 3, 7])
    batched = draw.choice([each for each in (64, 100, 300, 512, 2048, 8192) if each >= seqs])
    limit = draw.choice([each for each in (None, None, 1, 100, 287) if each is None or each <= batched])
    asked = EngineArgs(
        max_num_seqs=seqs,
        max_num_batched_tokens=batched,
        max_cudagraph_capture_size=limit,
        performance_mode=draw.choice(["balanced", "interactivity", "throughput"]),
        speculative_config={"num_speculative_tokens": drafted} if drafted else None,
        cudagraph_mode="PIECEWISE",
    )
    ours = graph_count(llama(), resolve_engine(llama(), ADA, asked, release_of("0.32.0")), asked)
    assert ours == captured_by_vllm(asked, drafted)
