"""`costmeter finetune` from the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vllm_costmeter.cli.main import main

MODEL = "Llama 3.1 8B"


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON document."""
    code = main(["finetune", MODEL, *words, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_parts_and_the_verdict_on_each_named_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    """Full fine-tuning of 8B fits an H100, not a 4090, and what to change is said."""
    code, found = answered(capsys, "--method", "full", "--gpu", "RTX 4090", "--gpu", "H100 SXM")
    assert code == 0
    assert found["bytes_per_gpu"]["weights"] == pytest.approx(2 * 8.03e9, rel=0.001)
    assert found["bytes_per_gpu"]["states"] == pytest.approx(4 * 8.03e9, rel=0.001)
    assert [row["verdict"] for row in found["verdicts"]] == ["refused", "fits"]
    refused = found["verdicts"][0]
    assert refused["changes"]
    assert all(each["peak_bytes_per_gpu"] <= refused["memory_bytes"] for each in refused["changes"])


def test_refused_everywhere_is_exit_code_one(capsys: pytest.CaptureFixture[str]) -> None:
    """No GPU named fits."""
    code, found = answered(capsys, "--method", "full", "--gpu", "RTX 4090", "--tokens", "1000000")
    assert code == 1
    assert "usd" not in found["verdicts"][0]


def test_hours_and_dollars_at_a_stated_rate(capsys: pytest.CaptureFixture[str]) -> None:
    """36 million tokens at 1,000 per second are 10 hours."""
    words = ["--method", "qlora", "--gpu", "RTX 4090", "--gpu-hourly-usd", "0.5", "--tokens", "36000000"]
    _, found = answered(capsys, *words, "--tokens-per-second", "1000")
    row = found["verdicts"][0]
    assert (row["hours"], row["usd"], row["is_rate_estimated"]) == (10, 5, False)


def test_an_estimated_rate_is_labelled(capsys: pytest.CaptureFixture[str]) -> None:
    """With its range, in text and in JSON."""
    words = ["--method", "lora", "--gpu", "H100 SXM", "--tokens", "36000000"]
    _, found = answered(capsys, *words)
    row = found["verdicts"][0]
    assert row["is_rate_estimated"]
    assert row["hours_range"][0] < row["hours"] < row["hours_range"][1]
    main(["finetune", MODEL, *words])
    assert "Hours and dollars are estimated" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--method", "full", "--rank", "8"], "--rank is of adapters"),
        (["--method", "lora", "--zero", "3"], "--gpus 2 or more"),
        (["--method", "dora"], "dora"),
        (["--method", "lora", "--gpu", "L4", "--tokens-per-second", "100"], "needs --tokens"),
        (["--method", "lora", "--tokens", "0"], "--tokens"),
        (["--method", "lora", "--batch-size", "-1"], "--batch-size"),
        (["--method", "lora", "--gpu", "RTX 409"], "RTX 409"),
        (["--method", "lora", "--gpu-hourly-usd", "1"], "alone, with --gpu"),
        (["--method", "lora", "--sequence-length", "9000000"], "exceeds the model's own maximum"),
        (["--method", "lora", "--gpu", "8x RTX 4090"], "--gpus 8"),
        (["--method", "lora", "--gpus", "0"], "--gpus"),
        ([], "--method"),
    ],
)
def test_bad_input_is_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, no output."""
    assert main(["finetune", MODEL, *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert says in said.err


@pytest.mark.parametrize("gpu", ["T4", "MI300X"])
def test_a_gpu_where_nothing_was_measured_is_unknown(gpu: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3, with the reason."""
    code, found = answered(capsys, "--method", "qlora", "--gpu", gpu, "--tokens", "1000000")
    assert code == 3
    assert found["verdicts"][0]["verdict"] == "unknown"
    assert found["verdicts"][0]["message"]


def test_what_the_article_calls_impossible_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """LoRA of a 70B model in BF16: on one H100, and on eight 4090 with ZeRO 3."""
    words = ["finetune", "Llama 3.3 70B", "--method", "lora", "--gpu"]
    assert main([*words, "H100 SXM"]) == 1
    assert main([*words, "RTX 4090", "--zero", "3", "--gpus", "8"]) == 1
    assert "fits with --method qlora" in capsys.readouterr().out
