"""What a model's name says of its quantization where its config.json does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import ADA, llama

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.suggest import with_suggestions
from vllm_costmeter.core.quantization.named import named_quantization
from vllm_costmeter.core.release import release_of


@pytest.mark.parametrize(
    ("name", "said", "share"),
    [
        ("nvidia/GLM-5-NVFP4", "NVFP4", 0.25),
        ("./models/nvidia__GLM-5-NVFP4/config.json", "NVFP4", 0.25),
        ("Qwen/Qwen3-32B-FP8-Static-PerTensor", "FP8", 0.5),
        ("models--org--llama_w8a8/snapshots/0a1b2c", "W8A8", 0.5),
        ("C:\\models\\llama-awq\\", "AWQ", 0.25),
    ],
)
def test_the_last_part_of_a_name_says_it(name: str, said: str, share: float) -> None:
    """Of a Hub id, a folder, a config.json in it, a snapshot of the Hub's cache."""
    found = named_quantization(name)
    assert found is not None
    assert (found.name, found.least_share) == (said, share)


@pytest.mark.parametrize("name", ["org/llama-BF16", "fp8-models/llama", "hawqs/prawq2", "config.json", ""])
def test_a_name_without_it_says_nothing(name: str) -> None:
    """Nor does another folder's, or a word that only holds one."""
    assert named_quantization(name) is None


def test_a_model_that_may_be_smaller_is_not_refused_for_its_size() -> None:
    """Counted without quantization it does not fit, at four bits it would: unknown, and the answer says why."""
    named = named_quantization("org/llama-NVFP4")
    assert named is not None
    engine_args, plain = EngineArgs(max_model_len=8192), llama(40.0)
    model = replace(plain, only_named=named, notes=(named.note,))
    assert fit(plain, ADA, engine_args, release_of("0.32.0")).verdict == "refused"
    result = fit(model, ADA, engine_args, release_of("0.32.0"))
    assert (result.verdict, result.notes) == ("unknown", (named.note,))
    assert result.message.startswith("the weights may take 10.00 to 40.12 GiB per GPU: ")
    assert result.provenance["quantization"] == "the name says NVFP4, config.json does not"
    assert with_suggestions(result, model, ADA, engine_args).suggestions == ()


def test_a_model_that_is_too_large_at_four_bits_is_refused() -> None:
    """100 GiB are at least 25 of them."""
    named = named_quantization("org/llama-NVFP4")
    model = replace(llama(100.0), only_named=named)
    assert fit(model, ADA, EngineArgs(max_model_len=8192), release_of("0.32.0")).verdict == "refused"
