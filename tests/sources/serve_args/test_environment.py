"""Variables of a server's process that change what a check says."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.serve_args.environment import environment_effect

ESTIMATE = "VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS"


@pytest.mark.parametrize(
    ("value", "allows"),
    [("1", True), ("true", True), ("True ", True), ("0", False), ("yes", False), ("", False)],
)
def test_a_longer_context_is_allowed_as_vllm_reads_it(value: str, allows: bool) -> None:
    """envs.py takes 1 and true alone."""
    effect = environment_effect({"VLLM_ALLOW_LONG_MAX_MODEL_LEN": value}, release_of("0.32.0"))
    assert effect.allows_longer is allows


@pytest.mark.parametrize(
    ("value", "release", "expected"),
    [
        ("0", "0.32.0", False),
        ("1", "0.18.0", True),
        ("1", "0.17.1", None),
        ("x", "0.32.0", None),
        (None, "0.32.0", None),
    ],
)
def test_the_estimate_of_cuda_graphs(value: str | None, release: str, expected: bool | None) -> None:
    """0.17 knows no such variable."""
    environment = {} if value is None else {ESTIMATE: value}
    assert environment_effect(environment, release_of(release)).cuda_graphs_in_budget is expected


def test_variables_without_an_effect_that_is_modelled_are_named() -> None:
    """Those that vLLM no longer reads, with the flag in their place, and those that may change memory."""
    environment = {
        "VLLM_ATTENTION_BACKEND": "FLASHINFER",
        "VLLM_USE_V1": "0",
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
        "VLLM_USE_DEEP_GEMM": "0",
        "HF_TOKEN": "hf_secret",
    }
    assert environment_effect(environment, release_of("0.32.0")).notes == (
        "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True may change GPU memory; its effect is not modelled",
        "VLLM_USE_DEEP_GEMM=0 may change GPU memory; its effect is not modelled",
        "vLLM 0.32.0 does not read VLLM_ATTENTION_BACKEND: --attention-backend is the flag",
        "vLLM 0.32.0 does not read VLLM_USE_V1",
    )


@pytest.mark.parametrize(
    ("value", "allows"), [("0", False), ("1", True), ("2", True), ("", None), ("no", None)]
)
def test_chunked_attention_may_lose_the_hybrid_manager(value: str, allows: bool | None) -> None:
    """A number, as envs.py reads it; the default of 1 needs no note."""
    effect = environment_effect(
        {"VLLM_ALLOW_CHUNKED_LOCAL_ATTN_WITH_HYBRID_KV_CACHE": value}, release_of("0.32.0")
    )
    assert (effect.chunked_local_hybrid, effect.notes) == (allows, ())


@pytest.mark.parametrize(
    ("value", "release", "asked"),
    [
        ("1", "0.22.0", True),
        ("0", "0.33.0", False),
        (" 0 ", "0.33.0", False),
        ("", "0.33.0", None),
        ("yes", "0.33.0", None),
        ("1", "0.21.0", None),
    ],
)
def test_the_runner_is_asked_for_by_a_variable(value: str, release: str, asked: bool | None) -> None:
    """From 0.22 on, which serves some models with the second by default; before, it is named alone."""
    assert environment_effect({"VLLM_USE_V2_MODEL_RUNNER": value}, release_of(release)).second_runner is asked


@pytest.mark.parametrize(
    ("name", "value", "release", "is_named"),
    [
        ("VLLM_USE_V2_MODEL_RUNNER", "0", "0.21.0", False),
        ("VLLM_USE_V2_MODEL_RUNNER", "1", "0.21.0", True),
        ("VLLM_USE_V2_MODEL_RUNNER", "0", "0.25.1", False),
        ("VLLM_USE_V2_MODEL_RUNNER", "1", "0.25.1", False),
        ("VLLM_USE_V2_MODEL_RUNNER", "0", "0.33.0", False),
        ("VLLM_USE_FLASHINFER_SAMPLER", "0", "0.20.0", False),
        ("VLLM_USE_FLASHINFER_SAMPLER", "1", "0.20.0", True),
        ("VLLM_USE_FLASHINFER_SAMPLER", "0", "0.21.0", True),
        ("VLLM_USE_FLASHINFER_SAMPLER", "1", "0.33.0", False),
        ("VLLM_USE_DEEP_GEMM", "0", "0.17.0", True),
        ("VLLM_USE_DEEP_GEMM", "1", "0.33.0", False),
        ("VLLM_MXFP8_EMULATION_DEQUANT_AT_LOAD", "True", "0.33.0", False),
        ("VLLM_MXFP8_EMULATION_DEQUANT_AT_LOAD", "false", "0.33.0", True),
        ("VLLM_USE_NCCL_SYMM_MEM", "1", "0.33.0", True),
        ("VLLM_USE_NCCL_SYMM_MEM", "0", "0.33.0", False),
        ("VLLM_USE_NCCL_SYMM_MEM", "", "0.33.0", False),
        ("VLLM_DEEPEP_BUFFER_SIZE_MB", "0", "0.33.0", True),
        ("VLLM_DEEPEP_BUFFER_SIZE_MB", "1024", "0.33.0", False),
        ("VLLM_FUSED_MOE_CHUNK_SIZE", "1024", "0.17.0", True),
        ("VLLM_FUSED_MOE_CHUNK_SIZE", "1024", "0.20.0", False),
        ("VLLM_USE_RAY_V2_EXECUTOR_BACKEND", "0", "0.32.0", True),
        ("VLLM_USE_RAY_V2_EXECUTOR_BACKEND", "0", "0.33.0", False),
        ("VLLM_ENABLE_STARTUP_PLAN", "1", "0.29.0", True),
        ("VLLM_PP_LAYER_PARTITION", "20,12", "0.33.0", True),
    ],
)
def test_a_variable_is_named_where_it_differs_from_the_releases_default(
    name: str, value: str, release: str, is_named: bool
) -> None:
    """Off is a change where on is the default, and a release that does not read it is not changed by it."""
    assert bool(environment_effect({name: value}, release_of(release)).notes) is is_named
