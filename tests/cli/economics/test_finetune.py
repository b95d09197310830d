"""`costmeter finetune` from the command line."""

from __future__ import annotations

import json
from pathlib import Path
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
        (["--method", "lora", "--gpu-hourly-usd", "1"], "needs --tokens"),
        (["--method", "lora", "--tokens", "1", "--gpu-hourly-usd", "1"], "alone, with --gpu"),
        (["--method", "lora", "--gpus", "5000", "--zero", "3"], "at most 4,096"),
        (["--method", "lora", "--rank", "100000"], "exceeds the model's width"),
        (["--method", "lora", "--tensor-parallel-size", "2"], "does not divide 1 GPU"),
        (["--method", "lora", "--gpus", "2", "--zero", "3", "--tensor-parallel-size", "2"], "keep one"),
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


def test_tensor_parallelism_needs_nvlink_and_is_never_said_to_fit(capsys: pytest.CaptureFixture[str]) -> None:
    """Over PCIe refused; over NVLink unknown, because its memory was not looked at."""
    words = ["--method", "lora", "--gpus", "8", "--tensor-parallel-size", "8", "--gpu", "RTX 4090"]
    code, found = answered(capsys, *words, "--gpu", "H100 SXM")
    assert code == 1
    assert [row["verdict"] for row in found["verdicts"]] == ["refused", "unknown"]
    assert found["verdicts"][0]["reason"] == "tensor_parallel_over_pcie"


def test_a_rate_above_the_arithmetic_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """One that FP8 could reach is said to need it."""
    words = ["--method", "lora", "--gpu", "H100 SXM", "--tokens", "1000000", "--tokens-per-second"]
    code, found = answered(capsys, *words, "100000")
    assert (code, found["verdicts"][0]["reason"]) == (1, "rate")
    code, found = answered(capsys, *words, "40000")
    assert code == 0
    assert "only FP8 arithmetic" in found["verdicts"][0]["message"]


@pytest.mark.parametrize(
    "words",
    [
        "Llama 3.1 8B|--method full|--gpu|RTX 4090",
        "Llama 3.1 8B|--method full --batch-size 8 --sequence-length 4096 --no-gradient-checkpointing|--gpu|RTX 4090",
        "Llama 3.1 8B|--method lora --gpus 2 --tensor-parallel-size 2 --batch-size 8 --sequence-length 4096|--gpu|L40S",
        "Llama 3.3 70B|--method lora --gpus 8 --tensor-parallel-size 8|--gpu|RTX 4090",
        "Llama 3.3 70B|--method full --optimizer sgd|--gpu|H200 SXM",
        "Llama 3.3 70B|--method full --optimizer adamw_8bit --gpus 4 --zero 1|--gpu|H200 SXM",
    ],
)
def test_the_flags_of_a_change_give_what_it_says(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked with these flags the run fits, with the peak that was named."""
    model, settings, *gpu = words.split("|")
    command = ["finetune", model, *settings.split(), *gpu, "--format", "json"]
    assert main(command) == 1
    offered = json.loads(capsys.readouterr().out)["verdicts"][0]["changes"]
    assert offered
    for change in offered:
        assert main([*command, *change["flags"].split()]) == 0, change
        assert json.loads(capsys.readouterr().out)["peak_bytes_per_gpu"] == change["peak_bytes_per_gpu"]


def test_a_change_keeps_the_optimizer(capsys: pytest.CaptureFixture[str]) -> None:
    """Eight H200 hold 70B in full with SGD, which has no states, and would not with AdamW."""
    assert (
        main(["finetune", "Llama 3.3 70B", "--method", "full", "--optimizer", "sgd", "--gpu", "H200 SXM"])
        == 1
    )
    assert "--zero 3 --gpus 8 (" in capsys.readouterr().out


def test_an_unmeasured_architecture_is_at_most_tight(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its weights are counted, its blocks are a Llama's; the note says so."""
    sizes = {"hidden_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2}
    config = {"architectures": ["InternLM2ForCausalLM"], "model_type": "internlm2", "vocab_size": 8192}
    config |= {"intermediate_size": 1408, "torch_dtype": "bfloat16", "max_position_embeddings": 4096, **sizes}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert main(["finetune", str(tmp_path), "--method", "lora", "--gpu", "H100 SXM"]) == 0
    said = capsys.readouterr().out
    assert "tight" in said
    assert "InternLM2ForCausalLM keeps for the backward pass was not measured" in said


def test_slices_are_not_told_to_train_together(capsys: pytest.CaptureFixture[str]) -> None:
    """ZeRO over MIG slices is no change that helps."""
    _, found = answered(capsys, "--method", "lora", "--gpu", "H100 SXM 1g.10gb")
    assert not any("--gpus" in each["flags"] for each in found["verdicts"][0]["changes"])
