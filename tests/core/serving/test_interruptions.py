"""What the prompts of one rank cost the others."""

from __future__ import annotations

import pytest

from scripts.accuracy.serving_models import measured_model
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.core.serving.load import Requests, interruption_seconds, served
from vllm_costmeter.core.serving.served_model import served_model
from vllm_costmeter.core.serving.serving_gpu import serving_gpu
from vllm_costmeter.core.serving.step import Engine
from vllm_costmeter.sources.catalogue.load import find_gpu

REQUESTS = Requests(922, 922)
B200 = find_gpu("B200 SXM")


def engine(name: str, weights: str, layout: ParallelConfig) -> Engine:
    """One server with FP8 KV cache that captures graphs up to 2,048 tokens and multiplies routers in TF32."""
    args = EngineArgs(layout=layout, kv_cache_dtype="fp8")
    model = measured_model(name, weights)
    assert model is not None
    part = served_model(model, args, NEWEST, B200)
    gpu = serving_gpu(B200, None, layout)
    return Engine(part, gpu, layout, 2048, captured_tokens=2048, multiplies_float32=False)


def test_ranks_that_share_experts_wait_for_each_others_prompts() -> None:
    """Rarely two have one at once, so that two ranks' prompts cost nearly twice; dense copies wait for none."""
    ranks = ParallelConfig(data_parallel_size=2, enable_expert_parallel=True)
    shared = engine("MiniMax-M2.5", "nvfp4", ranks)
    copies = engine("Llama-3.1-8B", "bf16", ParallelConfig(data_parallel_size=2))
    assert interruption_seconds(shared, REQUESTS, 0.01, 1.0) == pytest.approx(0.02, rel=0.02)
    assert interruption_seconds(shared, REQUESTS, 5.0, 1.0) == 5.0
    assert interruption_seconds(copies, REQUESTS, 0.01, 1.0) == 0.01


@pytest.mark.parametrize(("at_once", "measured_ms"), [(256, 23.9), (512, 32.0), (1024, 47.0)])
def test_two_ranks_decode_about_as_fast_as_measured(at_once: int, measured_ms: float) -> None:
    """InferenceX's runs of MiniMax-M2.5 NVFP4 with data-parallel attention on two B200 (2026-04-22): within 13 %."""
    ranks = ParallelConfig(data_parallel_size=2, enable_expert_parallel=True)
    found = served(engine("MiniMax-M2.5", "nvfp4", ranks), REQUESTS, at_once / 2)
    assert found.tpot_seconds * 1e3 == pytest.approx(measured_ms, rel=0.13)
