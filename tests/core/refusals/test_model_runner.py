"""Starts that vLLM refuses because of what one of its two model runners lacks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import ADA, llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.model.draft_facts import DraftFacts
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.refusals.model_runner import model_runner_fault
from vllm_costmeter.core.refusals.registry import refusal
from vllm_costmeter.core.refusals.start import Start
from vllm_costmeter.core.release import release_of

PIPELINE = {"layout": ParallelConfig(pipeline_parallel_size=2)}


def start(release: str, model: Model | None = None, **flags: Any) -> Start:
    """A start on a GPU of 24 GB."""
    model, args = model or llama(), EngineArgs(**flags)
    gpu = replace(ADA, count=args.layout.world_size)
    return Start(model, gpu, args, resolve_engine(model, gpu, args, release_of(release)))


def message(release: str, model: Model | None = None, **flags: Any) -> str | None:
    """What the rule says, which the registry asks too."""
    given = start(release, model, **flags)
    found = model_runner_fault(given)
    assert found is None or refusal(given) == found
    return None if found is None else found.message


@pytest.mark.parametrize(
    ("release", "method", "is_refused"),
    [
        ("0.21.0", "ngram", False),
        ("0.25.0", "ngram", True),
        ("0.32.0", "ngram", False),
        ("0.33.0", "suffix", True),
        ("0.33.0", "mtp", False),
    ],
)
def test_the_second_runner_is_asked_for_what_it_lacks(release: str, method: str, is_refused: bool) -> None:
    """By the variable alone: without it, vLLM takes the first."""
    asked = {"speculative_config": {"method": method, "num_speculative_tokens": 2}}
    assert model_runner_fault(start(release, **asked)) is None
    found = model_runner_fault(start(release, second_runner=True, **asked))
    assert (found is not None) == is_refused
    if found is not None:
        assert found.message == (
            "VLLM_USE_V2_MODEL_RUNNER=1 asks for vLLM's second model runner, which does not support the speculative "
            f"method {method}: leave the variable out"
        )


@pytest.mark.parametrize(
    ("since", "flags", "lacking"),
    [
        ("0.29.0", {"prefill_context_parallel_size": 2}, "--prefill-context-parallel-size"),
        ("0.29.0", {"speculative_config": {"method": "dspark"}}, "the speculative method dspark"),
        (
            "0.31.0",
            {"async_scheduling": True, **PIPELINE},
            "--async-scheduling with --pipeline-parallel-size",
        ),
    ],
)
def test_the_first_runner_is_asked_for_what_it_lacks(since: str, flags: dict[str, Any], lacking: str) -> None:
    """From the release on that looks; never where the second one serves, nor where nobody asks."""
    for release in ("0.28.0", "0.29.0", "0.31.0", "0.33.0"):
        found = model_runner_fault(start(release, second_runner=False, **flags))
        assert (found is not None) == (release >= since)
        assert (
            found is None
            or f"chooses, does not support {lacking}: VLLM_USE_V2_MODEL_RUNNER=1" in found.message
        )
        assert model_runner_fault(start(release, second_runner=True, **flags)) is None
        assert model_runner_fault(start(release, second_runner=False)) is None


def test_one_architecture_needs_the_second_runner() -> None:
    """Step 5, which came with 0.33."""
    step = replace(llama(), architecture="Step5ForCausalLM")
    assert "does not support Step5ForCausalLM" in str(message("0.33.0", step, second_runner=False))
    assert message("0.33.0", step) is None
    assert message("0.32.0", step, second_runner=False) is None


def test_a_pipeline_served_by_the_first_runner_is_not_scheduled_asynchronously() -> None:
    """Here vLLM chose that runner itself, so that the flag is what to leave out; before 0.31 it served both."""
    flags = {
        "async_scheduling": True,
        "speculative_config": {"method": "eagle3", "parallel_drafting": True},
        **PIPELINE,
    }
    found = model_runner_fault(start("0.33.0", **flags))
    assert found is not None
    assert found.changes == ({"async_scheduling": False},)
    assert found.message == (
        "--async-scheduling with --pipeline-parallel-size does not go with vLLM's first model runner, which serves "
        "this start"
    )
    assert model_runner_fault(start("0.30.0", **flags)) is None


def test_drafters_that_only_the_second_runner_has_are_refused_with_the_first() -> None:
    """DFlash drafters that mix windows and full attention, and those with candidate heads, each since its release."""
    mixed = DraftFacts("DFlashDraftModel", "qwen3", 9, False, False, is_head=True, mixes_windows=True)
    candidate = replace(mixed, architecture="LiLiCorrDraftModel", mixes_windows=False)
    asked = {"speculative_config": {"method": "dflash", "num_speculative_tokens": 4}, "second_runner": False}
    for draft, since, lacking in (
        (mixed, "0.29.0", "a DFlash drafter that mixes windows and full attention"),
        (candidate, "0.31.0", "LiLiCorrDraftModel"),
        (replace(mixed, mixes_windows=False), "0.34.0", ""),
    ):
        for release in ("0.28.0", "0.29.0", "0.30.0", "0.31.0", "0.33.0"):
            found = model_runner_fault(start(release, replace(llama(), draft_facts=draft), **asked))
            assert (found is not None) == (release >= since)
            assert found is None or f"does not support {lacking}:" in found.message


def test_what_only_the_second_runner_implements_does_not_go_with_what_it_lacks() -> None:
    """vLLM forces that runner up to 0.28, and checks it; later the first is chosen, and refuses."""
    flags = {
        "speculative_config": {"method": "dspark", "num_speculative_tokens": 4},
        "first_runner_flags": ("kv_sharing_fast_prefill",),
    }
    assert message("0.28.0", **flags) == (
        "only vLLM's second model runner implements the speculative method dspark, and it does not support "
        "--kv-sharing-fast-prefill: leave one of the two out"
    )
    assert "does not go with vLLM's first model runner" in str(message("0.29.0", **flags))
    assert message("0.30.0", **flags) is None
