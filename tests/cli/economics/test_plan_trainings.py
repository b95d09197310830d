"""`costmeter compare` judges the fine-tunings in its plans, by the facts of `costmeter finetune`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.cli.main import main


def answered(capsys: pytest.CaptureFixture[str], *plans: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and the plans of the JSON document."""
    words = [word for plan in plans for word in ("--plan", plan)]
    code = main(["compare", *words, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)["plans"]


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ("H100 SXM 10h lora of Llama 3.3 70B", "memory"),
        ("8x RTX 4090 160h lora of Llama 3.3 70B", "memory"),
        ("8x RTX 4090 160h lora zero3 of Llama 3.3 70B", "memory"),
        ("8x RTX 4090 160h lora tp8 of Llama 3.3 70B", "tensor_parallel_over_pcie"),
        ("2x RTX 4090 160h lora tp2 of Llama 3.1 8B", "tensor_parallel_over_pcie"),
        ("4x L40S 10h full tp4 of Llama 3.1 8B", "tensor_parallel_over_pcie"),
        ("8x H100 SXM 10h 62000tok/s lora zero3 of Llama 3.3 70B", "rate"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(
    plan: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, no saving, and what comes nearest where settings or other GPUs can help."""
    code, (impossible, possible) = answered(capsys, plan, "8x H100 SXM 10h lora zero3 of Llama 3.3 70B")
    found = impossible["uses"][0]["training"]
    assert (code, impossible["verdict"], found["reason"]) == (1, "refused", reason)
    assert found["message"]
    assert "saving_ratio" not in impossible
    assert "usd_per_million_tokens" not in impossible["uses"][0]
    assert (possible["verdict"], possible["uses"][0]["training"]["verdict"]) == ("fits", "fits")
    if reason != "rate":
        assert found["changes"]
        assert found["cheapest_that_fits"]["usd_per_hour"] > 0


@pytest.mark.parametrize("words", ["lora of", "full of", "lora zero3 of", "qlora batch4 seq4096 rank64 of"])
def test_both_commands_have_the_same_bytes(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The peak of a plan's training is that of `costmeter finetune` with the same settings."""
    flags = {
        "lora of": ["--method", "lora"],
        "full of": ["--method", "full"],
        "lora zero3 of": ["--method", "lora", "--zero", "3"],
        "qlora batch4 seq4096 rank64 of": [
            "--method",
            "qlora",
            "--batch-size",
            "4",
            "--sequence-length",
            "4096",
            "--rank",
            "64",
        ],
    }[words]
    _, (plan,) = answered(capsys, f"8x H100 SXM 10h {words} Llama 3.1 8B")
    main(["finetune", "Llama 3.1 8B", *flags, "--gpus", "8", "--gpu", "H100 SXM", "--format", "json"])
    other = json.loads(capsys.readouterr().out)
    found = plan["uses"][0]["training"]
    assert found["peak_bytes_per_gpu"] == other["peak_bytes_per_gpu"]
    assert found["verdict"] == other["verdicts"][0]["verdict"]


def test_what_was_not_looked_at_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    """Experts, tensor parallelism over NVLink, and a GPU where nothing was measured: exit code 3."""
    plans = (
        "8x H100 SXM 10h lora zero3 of Qwen/Qwen3-30B-A3B",
        "8x H100 SXM 10h lora tp8 of Llama 3.3 70B",
        "T4 10h @0.35 lora of Llama 3.1 8B",
    )
    code, found = answered(capsys, *plans)
    assert code == 3
    assert {plan["verdict"] for plan in found} == {"unknown"}
    assert all(plan["uses"][0]["training"]["message"] for plan in found)


def test_a_training_without_a_model_was_not_checked(capsys: pytest.CaptureFixture[str]) -> None:
    """And it says so; exit code 0, because nothing was judged."""
    assert main(["compare", "--plan", "8x H100 SXM 10h training"]) == 0
    said = capsys.readouterr().out
    assert "not checked" in said
    assert "fits" not in said.split("Trainings", 1)[1]


def test_tokens_without_a_rate_take_estimated_hours(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of `costmeter finetune`, labelled."""
    _, (plan,) = answered(capsys, "H100 SXM 50Mtok lora of Llama 3.1 8B")
    words = ["--method", "lora", "--gpu", "H100 SXM", "--tokens", "50000000", "--format", "json"]
    main(["finetune", "Llama 3.1 8B", *words])
    other = json.loads(capsys.readouterr().out)["verdicts"][0]
    use = plan["uses"][0]
    assert use["training"]["is_rate_estimated"]
    assert use["hours_per_month"] == pytest.approx(other["hours"], rel=1e-4)


def test_a_file_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """[[plan.use]] with a model and a method."""
    file = tmp_path / "plans.toml"
    use = '[[plan.use]]\ngpu = "H100 SXM"\nhours = 10\nmodel = "Llama 3.3 70B"\nmethod = "lora"\n'
    file.write_text(f'[[plan]]\nname = "one"\n{use}')
    assert main(["compare", "--file", str(file)]) == 1
    assert "the weights alone take 141.1" in capsys.readouterr().out
    file.write_text(f'[[plan]]\nname = "one"\n{use}zero = 4\n')
    assert main(["compare", "--file", str(file)]) == 2
    assert "from 0 to 3, got 4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        ("H100 SXM 10h lora", "names no model to train"),
        ("H100 SXM 10h of Llama 3.1 8B", "names no method"),
        ("H100 SXM 10h lora of", "names no model"),
        ("H100 SXM 10h lora of ", "names no model"),
        ("H100 SXM 10h serving lora of Llama 3.1 8B", "both serving and a fine-tuning"),
        ("H100 SXM 10h lora qlora of Llama 3.1 8B", "says method twice"),
        ("H100 SXM 10h full rank8 of Llama 3.1 8B", "rank is of adapters"),
        ("H100 SXM 10h lora zero3 of Llama 3.1 8B", "zero 3 divides among GPUs"),
        ("8x H100 SXM 10h lora zero5 of Llama 3.1 8B", "zero0 to zero3"),
        ("8x H100 SXM 10h lora tp3 of Llama 3.1 8B", "does not divide 8 GPUs"),
        ("8x H100 SXM 10h lora tp0 of Llama 3.1 8B", "must be 1 or more"),
        ("8x H100 SXM 10h lora tp8 zero3 of Llama 3.1 8B", "keep one of the two"),
        ("H100 SXM 10h lora seq9000000 of Llama 3.1 8B", "exceeds the model's own maximum"),
        ("H100 SXM lora of Llama 3.1 8B", "no hours"),
        ("H100 SXM 10h lora zero3x of Llama 3.1 8B", "'zero3x' in"),
        ("H100 SXM 10h qlra of Llama 3.1 8B", "nearest: qlora"),
        ("MI300X 10h lora of Llama 3.1 8B", "state it, as in 'MI300X @2.50'"),
    ],
)
def test_bad_input_is_one_line(plan: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, no output."""
    assert main(["compare", "--plan", plan]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert says in said.err
