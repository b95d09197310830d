"""Flags that spread a model over GPUs in a way that it or its drafter is not made for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import GIB, llama
from refused_starts import MODELS, arguments, judged

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.messages import ENCODES_ALONE
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import NEWEST, release_of

H200 = GpuGroup("H200 SXM", round(139.8 * GIB), compute_capability=(9, 0))

LLAMA, MOE = "meta-llama__Llama-3.1-8B-Instruct", "Qwen__Qwen3-30B-A3B"
DEEPSEEK, QWEN_3_5 = "deepseek-ai__DeepSeek-V3", "Qwen__Qwen3.5-122B-A10B"


@pytest.mark.parametrize("release", ["0.17.0", "0.33.0"])
def test_expert_parallelism_needs_experts(release: str) -> None:
    """Refused for a dense model alone, and without the flag it starts."""
    result = judged(LLAMA, release=release, enable_expert_parallel=True)
    assert (result.verdict, result.reason) == ("refused", "parallel_layout")
    assert arguments(result) == ["--no-enable-expert-parallel"]
    assert judged(MOE, release=release, enable_expert_parallel=True).verdict == "fits"


@pytest.mark.parametrize(
    ("release", "verdict"), [("0.29.0", "fits"), ("0.30.0", "refused"), ("0.31.0", "fits")]
)
def test_0_30_wants_experts_of_the_draft_too(release: str, verdict: str) -> None:
    """A dense draft of a model with experts."""
    draft = {"model": str(MODELS / "Qwen__Qwen3-0.6B"), "num_speculative_tokens": 3}
    assert (
        judged(MOE, release=release, enable_expert_parallel=True, speculative_config=draft).verdict == verdict
    )


@pytest.mark.parametrize(
    ("gpu", "flags", "told"),
    [
        ("H200 SXM", {"enable_eplb": True}, "--enable-eplb needs --enable-expert-parallel"),
        ("H200 SXM", {"enable_eplb": True, "enable_expert_parallel": True}, "needs several GPUs"),
        ("H200 SXM", {"eplb_config": {"num_redundant_experts": 4}}, "needs --enable-eplb"),
        (
            "H200 SXM:3",
            {"enable_eplb": True, "enable_expert_parallel": True, "data_parallel_size": 3},
            "128 experts and 0 redundant ones do not divide among 3 GPUs",
        ),
    ],
)
def test_balancing_needs_experts_on_several_gpus(gpu: str, flags: dict[str, Any], told: str) -> None:
    """EPLB, and redundant experts with it."""
    result = judged(MOE, gpu, **flags)
    assert result.verdict == "refused"
    assert told in result.message


def test_redundant_experts_make_an_even_number() -> None:
    """The suggestion names how many, and starts."""
    flags: dict[str, Any] = {"enable_eplb": True, "enable_expert_parallel": True, "data_parallel_size": 3}
    result = judged(MOE, "H200 SXM:3", **flags)
    assert arguments(result)[0] == "--eplb-config '{\"num_redundant_experts\": 1}'"
    assert judged(MOE, "H200 SXM:3", **flags, eplb_config={"num_redundant_experts": 1}).verdict == "fits"


@pytest.mark.parametrize(
    ("model", "release", "flags", "verdict"),
    [
        (LLAMA, "0.25.1", {}, "refused"),
        (LLAMA, "0.33.0", {}, "refused"),
        (DEEPSEEK, "0.25.1", {}, "refused"),
        (DEEPSEEK, "0.26.0", {}, "fits"),
        (DEEPSEEK, "0.33.0", {"enable_lora": True}, "refused"),
    ],
)
def test_prompts_are_split_for_mla_from_0_26(
    model: str, release: str, flags: dict[str, Any], verdict: str
) -> None:
    """--prefill-context-parallel-size."""
    flags = {"tensor_parallel_size": 8, "prefill_context_parallel_size": 2, **flags}
    result = judged(model, "B200 SXM:8", release, **flags)
    assert result.verdict == verdict
    if verdict == "refused":
        assert arguments(result) == ["--prefill-context-parallel-size 1"]


@pytest.mark.parametrize(
    ("model", "release", "verdict"),
    [(QWEN_3_5, "0.29.0", "refused"), (QWEN_3_5, "0.30.0", "fits"), (DEEPSEEK, "0.24.0", "refused")],
)
def test_prediction_layers_are_not_split_into_stages_up_to_0_29(
    model: str, release: str, verdict: str
) -> None:
    """Their classes have no pipeline; from 0.30 they stay on the last stage."""
    asked = {"method": "mtp", "num_speculative_tokens": 2}
    flags: dict[str, Any] = {"tensor_parallel_size": 4, "pipeline_parallel_size": 2, "max_num_seqs": 64}
    result = judged(model, "B200 SXM:8", release, speculative_config=asked, **flags)
    assert result.verdict == verdict


@pytest.mark.parametrize(
    ("model", "release", "replicas", "verdict"),
    [
        (LLAMA, "0.20.2", 2, "fits"),
        (LLAMA, "0.21.0", 2, "refused"),
        (MOE, "0.33.0", 2, "fits"),
        (MOE, "0.33.0", 1, "refused"),
    ],
)
def test_an_external_balancer_is_for_replicas_that_share_experts(
    model: str, release: str, replicas: int, verdict: str
) -> None:
    """--data-parallel-external-lb, and for several replicas at all."""
    result = judged(model, "H200 SXM:2", release, data_parallel_external_lb=True, data_parallel_size=replicas)
    assert result.verdict == verdict


@pytest.mark.parametrize("release", ["0.17.0", "0.20.0", "0.33.0"])
@pytest.mark.parametrize(
    ("size", "block", "verdict"),
    [(7, None, "refused"), (16, None, "fits"), (64, None, "tight"), (64, 64, "fits"), (64, 32, "refused")],
)
def test_a_block_holds_whole_turns_of_the_ranks(
    release: str, size: int, block: int | None, verdict: str
) -> None:
    """A backend's own block is 16 or a larger power of two, which one is not always known."""
    layout = ParallelConfig(tensor_parallel_size=16, decode_context_parallel_size=2)
    flags = EngineArgs(layout, block_size=block, kv_cache_interleave_size=size, max_model_len=8192)
    assert fit(llama(), replace(H200, count=16), flags, release_of(release)).verdict == verdict


def test_an_encoder_alone_is_unknown() -> None:
    """Neither refused for a language model that is not loaded, nor given its cache."""
    found = fit(llama(), H200, EngineArgs(encodes_alone=True, max_model_len=1 << 30), NEWEST)
    assert (found.verdict, found.message, found.kv_cache) == ("unknown", ENCODES_ALONE, None)
