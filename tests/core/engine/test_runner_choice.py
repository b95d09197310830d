"""Which of vLLM's two model runners serves a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.engine.runner_choice import runner_of
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import release_of

MOE = replace(llama(), is_moe=True)
HYBRID = replace(llama(), is_hybrid=True)
POOLING = replace(llama(), is_pooling=True)


def is_second(model: Model, version: str, **flags: Any) -> bool:
    """Whether the second runner serves it."""
    release = release_of(version)
    rules = engine_rules(release)
    return runner_of(rules, model, EngineArgs(**flags), release.number) is rules.v2


@pytest.mark.parametrize("model", [MOE, HYBRID, POOLING], ids=["experts", "recurrent", "pooling"])
def test_dense_generative_models_moved_first(model: Model) -> None:
    """0.25 to 0.28 serve dense models with the second, 0.29 and newer all."""
    assert not is_second(replace(llama(), architecture="GemmaForCausalLM"), "0.24.0")
    assert not is_second(model, "0.24.0")
    assert is_second(llama(), "0.25.1")
    assert not is_second(model, "0.25.1")
    assert not is_second(model, "0.28.0")
    assert is_second(model, "0.29.0")


@pytest.mark.parametrize(
    ("architecture", "since"),
    [("Qwen3ForCausalLM", "0.22.0"), ("LlamaForCausalLM", "0.23.0"), ("MistralForCausalLM", "0.23.0")],
)
def test_three_dense_architectures_moved_before_them(architecture: str, since: str) -> None:
    """Unquantized at first, from 0.24 on quantized too."""
    model = replace(llama(), architecture=architecture)
    releases = ["0.21.0", "0.22.0", "0.23.0", "0.24.0", "0.25.0"]
    assert [is_second(model, each) for each in releases] == [each >= since for each in releases]
    for quantized, flags in ((replace(model, quantization="fp8"), {}), (model, {"quantization": "fp8"})):
        assert [is_second(quantized, each, **flags) for each in releases] == [
            each >= "0.24.0" for each in releases
        ]


def test_listed_architectures_moved_with_them() -> None:
    """DeepSeek V2 in 0.24, DeepSeek V4 in 0.28, although both are mixtures of experts."""
    moved = replace(MOE, architecture="DeepseekV2ForCausalLM")
    assert not is_second(moved, "0.23.0")
    assert is_second(moved, "0.24.0")
    later = replace(MOE, architecture="DeepseekV4ForCausalLM")
    assert not is_second(later, "0.27.1")
    assert is_second(later, "0.28.0")


@pytest.mark.parametrize(
    ("method", "since"),
    [
        ("ngram", "0.32.0"),
        ("draft_model", "0.31.0"),
        ("medusa", "0.33.0"),
        ("mtp", "0.25.0"),
        ("dspark", "0.25.0"),
    ],
)
def test_drafters_without_support_fall_back_to_the_first_runner(method: str, since: str) -> None:
    """Each method from the release whose list of unsupported features no longer names it."""
    versions = ["0.25.0", "0.28.0", "0.29.0", "0.30.0", "0.31.0", "0.32.0", "0.33.0"]
    asked = {"method": method, "num_speculative_tokens": 2}
    served = [version for version in versions if is_second(llama(), version, speculative_config=asked)]
    assert served == versions[versions.index(since) :]


def test_eagle3_in_pipelines_waited_for_0_30() -> None:
    """One of several features that the second runner lacked before."""
    flags = {"speculative_config": {"method": "eagle3"}, "layout": ParallelConfig(pipeline_parallel_size=2)}
    assert not is_second(llama(), "0.29.0", **flags)
    assert is_second(llama(), "0.30.0", **flags)
