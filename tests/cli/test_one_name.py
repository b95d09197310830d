"""A model, a precision and a GPU mean the same in check, matrix, cost and estimate."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vllm_costmeter.cli.main import main
from vllm_costmeter.sources.models.packaged import PACKAGED

MODELS = [*PACKAGED, "llama-3.1-8b", "LLAMA 3.3 70b", "qwen3-32b"]
PRECISIONS = ["own", "fp16", "bf16", "q4", "int4", "awq", "gptq", "fp8"]
GPUS = ["RTX 4090", "4090", "L40S", "H100 SXM:2", "2x H100 SXM", "h200"]
TOKENS = 4096


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(MODELS), st.sampled_from(PRECISIONS), st.sampled_from(GPUS))
def test_four_commands_give_one_answer(
    capsys: pytest.CaptureFixture[str], model: str, precision: str, gpu: str
) -> None:
    """The same verdict, and where a length is given the same one, whatever command is asked."""
    flags = ("--quantization", precision)

    def found(*words: str) -> dict[str, Any]:
        main([*words, "--format", "json"])
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    cell = found(
        "matrix",
        "--model",
        model,
        "--gpus",
        gpu,
        "--quantizations",
        precision,
        "--max-model-len",
        str(TOKENS),
    )["cells"][0]
    split = ("-tp", str(cell["tensor_parallel_size"]), "-pp", str(cell["pipeline_parallel_size"]))
    check = found("check", model, "--gpu", gpu, *flags, *split, "--max-model-len", str(TOKENS))
    cost = found("cost", "--model", model, "--gpu", gpu, *flags, "--max-model-len", str(TOKENS))["fit"]
    lengths = ("--prompt-tokens", str(TOKENS - 96), "--output-tokens", "96", "--concurrency", "1")
    estimate = found("estimate", model, "--gpu", gpu, *flags, *lengths)
    assert check["verdict"] == cell["verdict"] == cost["verdict"] == estimate["verdict"]
    assert check["max_model_len_that_fits"] == cell["max_model_len_that_fits_tokens"]
    assert cost == cell
    assert check["model"]["id"] == cell["model"] == estimate["model"]


@pytest.mark.parametrize("model", ["Llama 3.3 7B", "lama 3.1 8b"])
def test_a_misspelt_name_is_corrected_alike(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit 2, the nearest packaged names."""
    for words in (
        ["check", model, "--gpu", "L40S"],
        ["matrix", "--model", model],
        ["cost", "--gpu", "L40S", "--model", model],
        ["estimate", model, "--gpu", "L40S"],
    ):
        assert main(words) == 2
        said = capsys.readouterr().err
        assert "does not exist" in said
        assert "nearest: Llama" in said


def test_a_method_of_vllm_on_a_checkpoint_is_vllms(capsys: pytest.CaptureFixture[str]) -> None:
    """`vllm serve` has no AWQ weights to load from an unquantized checkpoint: unknown, and what to ask instead."""
    words = ["check", "examples/models/llama-3.1-8b", "--gpu", "L40S", "--max-model-len", "4096"]
    assert main([*words, "--quantization", "awq"]) == 3
    assert "--quantization q4 checks a 4-bit checkpoint" in capsys.readouterr().out
    assert main([*words, "--quantization", "q4"]) == 0
    assert "note: checked as an AWQ checkpoint in groups of 128" in capsys.readouterr().out
