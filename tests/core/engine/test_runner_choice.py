"""Which of vLLM's two model runners serves a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.engine.runner_choice import is_first_on_rocm, runner_of
from vllm_costmeter.core.model.draft_facts import DraftFacts
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
    """Unquantized checkpoints at first, from 0.24 on quantized ones too; a flag quantizes none, nor is GGUF stated."""
    model = replace(llama(), architecture=architecture)
    releases = ["0.21.0", "0.22.0", "0.23.0", "0.24.0", "0.25.0"]
    assert [is_second(model, each) for each in releases] == [each >= since for each in releases]
    quantized, gguf = replace(model, quantization="fp8"), replace(model, quantization="gguf")
    assert [is_second(quantized, each) for each in releases] == [each >= "0.24.0" for each in releases]
    for other, flags in ((gguf, {}), (model, {"quantization": "fp8"})):
        assert [is_second(other, each, **flags) for each in releases] == [each >= since for each in releases]


@pytest.mark.parametrize(
    ("flag", "first_with_it", "first_without_it"),
    [
        ("reasoning_parser", "0.22.0", "0.23.0"),
        ("logprobs_mode", "0.25.1", "0.26.0"),
        ("ec_transfer_config", "0.27.0", "0.28.0"),
        ("enable_return_routed_experts", "0.27.0", "0.28.0"),
        ("enable_prompt_embeds", "0.28.0", "0.29.0"),
        ("enable_dbo", "0.29.0", "0.30.0"),
        ("kv_sharing_fast_prefill", "0.29.0", "0.30.0"),
        ("logits_processors", "0.30.0", "0.31.0"),
        ("enable_elastic_ep", "0.31.0", "0.32.0"),
    ],
)
def test_a_flag_that_the_second_lacks_keeps_the_first(
    flag: str, first_with_it: str, first_without_it: str
) -> None:
    """Until the release that brings it; `--reasoning-parser qwen3` in 0.22 is the usual one."""
    model = replace(llama(), architecture="Qwen3ForCausalLM")
    given = {"first_runner_flags": (flag,)}
    assert is_second(model, first_with_it)
    assert not is_second(model, first_with_it, **given)
    assert is_second(model, first_with_it, **given, second_runner=True)
    assert is_second(model, first_without_it, **given)


def test_elastic_experts_are_named_since_0_24() -> None:
    """Before, the second runner does not ask for them."""
    model = replace(llama(), architecture="Qwen3ForCausalLM")
    given = {"first_runner_flags": ("enable_elastic_ep",)}
    assert is_second(model, "0.23.0", **given)
    assert not is_second(model, "0.24.0", **given)


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
        ("extract_hidden_states", "0.29.0"),
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


@pytest.mark.parametrize("method", ["suffix", "custom_class"])
def test_two_drafters_have_the_first_runner_to_this_day(method: str) -> None:
    """In every release that has two."""
    for version in ("0.25.0", "0.29.0", "0.30.0", "0.33.0"):
        assert not is_second(llama(), version, speculative_config={"method": method})


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ({"method": "eagle3", "parallel_drafting": True}, []),
        ({"method": "eagle3", "parallel_drafting": False}, ["0.25.0", "0.31.0", "0.32.0", "0.33.0"]),
        ({"method": "dflash", "parallel_drafting": True}, ["0.25.0", "0.31.0", "0.32.0", "0.33.0"]),
        ({"method": "draft_model", "use_heterogeneous_vocab": True}, ["0.31.0"]),
    ],
)
def test_keys_of_a_drafter_choose_the_first_runner(asked: dict[str, Any], served: list[str]) -> None:
    """Drafting all tokens at once, but for methods that always do; two vocabularies from 0.32 on."""
    versions = ["0.25.0", "0.31.0", "0.32.0", "0.33.0"]
    assert [each for each in versions if is_second(llama(), each, speculative_config=asked)] == served


def test_every_state_of_a_prefix_was_cached_by_the_first_runner() -> None:
    """--mamba-cache-mode all in 0.30 and 0.31; the default is another mode."""
    versions = ["0.29.0", "0.30.0", "0.31.0", "0.32.0", "0.33.0"]
    served = [each for each in versions if is_second(HYBRID, each, mamba_cache_mode="all")]
    assert served == ["0.29.0", "0.32.0", "0.33.0"]
    assert all(is_second(HYBRID, each, mamba_cache_mode="align") for each in versions)


def test_who_asks_for_a_runner_gets_it() -> None:
    """VLLM_USE_V2_MODEL_RUNNER goes before every default."""
    assert is_second(MOE, "0.25.0", second_runner=True)
    assert not is_second(llama(), "0.33.0", second_runner=False)
    assert is_second(llama(), "0.21.0") == is_second(llama(), "0.21.0", second_runner=True)


@pytest.mark.parametrize(
    ("architecture", "releases"),
    [
        ("KimiK3ForConditionalGeneration", ["0.27.0"]),
        ("DeepseekV4ForCausalLM", ["0.28.0", "0.29.0", "0.30.0", "0.31.0"]),
        ("DeepseekV32ForCausalLM", ["0.29.0", "0.30.0", "0.31.0"]),
        ("GlmMoeDsaForCausalLM", ["0.30.0", "0.31.0"]),
        ("LlamaForCausalLM", []),
    ],
)
def test_some_architectures_have_the_first_runner_on_amds_gpus(
    architecture: str, releases: list[str]
) -> None:
    """In some releases, of 0.31 only for what that runner serves."""
    versions = [f"0.{minor}.0" for minor in range(25, 34)]

    def has_first(version: str, **flags: Any) -> bool:
        return is_first_on_rocm(architecture, EngineArgs(**flags), release_of(version).number)

    assert [each for each in versions if has_first(each)] == releases
    pipeline = ParallelConfig(pipeline_parallel_size=2)
    assert [each for each in versions if has_first(each, layout=pipeline)] == releases
    refused: tuple[dict[str, Any], ...] = (
        {"layout": pipeline, "async_scheduling": True},
        {"speculative_config": {"method": "dspark"}},
        {"prefill_context_parallel_size": 2},
    )
    for flags in refused:
        assert [each for each in versions if has_first(each, **flags)] == [
            each for each in releases if each < "0.31.0"
        ]


DFLASH = DraftFacts("DFlashDraftModel", "qwen3", 9, False, False, is_head=True)


@pytest.mark.parametrize(
    ("flags", "draft", "since"),
    [
        ({"prefill_context_parallel_size": 2}, None, "0.27.0"),
        ({"speculative_config": {"method": "dspark"}}, None, "0.25.0"),
        ({"speculative_config": {"method": "dflash"}}, DFLASH, "0.29.0"),
        ({"speculative_config": {"method": "dflash"}}, replace(DFLASH, mixes_windows=True), "0.26.0"),
        (
            {"speculative_config": {"method": "dflash"}},
            replace(DFLASH, architecture="DFlash2DraftModel"),
            "0.28.0",
        ),
        ({"speculative_config": {"model": "a drafter"}}, replace(DFLASH, mixes_windows=True), "0.26.0"),
        ({"speculative_config": {"method": "eagle3"}}, replace(DFLASH, mixes_windows=True), "0.29.0"),
    ],
)
def test_what_only_the_second_implements_has_it(
    flags: dict[str, Any], draft: DraftFacts | None, since: str
) -> None:
    """Also for experts and hybrids, which the first served until 0.29."""
    for model in (MOE, HYBRID):
        drafted = replace(model, draft_facts=draft)
        versions = [f"0.{minor}.0" for minor in range(24, 34)]
        assert [each for each in versions if is_second(drafted, each, **flags)] == [
            each for each in versions if each >= since
        ]


def test_a_drafter_without_a_method_is_a_draft_model() -> None:
    """Unless its files are a head's; every name of prediction layers means the same."""
    whole, head = (
        replace(llama(), draft_facts=DraftFacts("Qwen3ForCausalLM", "qwen3", 9, False, True, is_head=is_head))
        for is_head in (False, True)
    )
    asked = {"model": "a draft", "num_speculative_tokens": 5}
    for version, second in (("0.29.0", False), ("0.30.0", False), ("0.31.0", True)):
        assert is_second(whole, version, speculative_config=asked) == second
        assert is_second(head, version, speculative_config=asked)
    predicting = replace(llama(), draft_facts=replace(whole.draft_facts, predicts=True))
    for method in ({}, {"method": "draft_model"}):
        assert is_second(predicting, "0.29.0", speculative_config={**asked, **method})
    assert is_second(llama(), "0.29.0", speculative_config={"method": "deepseek_mtp"})
    for named in ("ngram", "[ngram]"):
        assert not is_second(llama(), "0.29.0", speculative_config={"model": named})
