"""`costmeter scenarios`: one table that answers a list of questions."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.cli.main import main


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and the scenarios of the JSON document."""
    code = main(["scenarios", *words, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)["scenarios"]


def one(folder: Path, command: str) -> list[str]:
    """The flags for a file with this scenario alone."""
    file = folder / "mine.toml"
    file.write_text(f"[[scenario]]\nquestion = 'mine'\ncommand = {json.dumps(command)}\n")
    return ["--file", str(file)]


def test_every_question_of_the_article_has_its_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    """A 4090 for small loads and QLoRA of 8B, H100 for goals, 70B and 16-bit training."""
    code, found = answered(capsys)
    assert code == 0
    best = {each["question"]: (each["best"]["gpu"]["name"], each["best"]["gpu"]["count"]) for each in found}
    assert best["8B, a few users"] == ("RTX 4090", 1)
    assert best["8B, many users, 15 ms a token"] == ("H100 SXM", 1)
    assert best["70B Q4, first token within 1 s"] == ("H100 SXM", 1)
    assert best["train 8B, QLoRA, 50 M tokens"] == ("RTX 4090", 1)
    assert best["train 8B in full, 50 M tokens"] == ("H100 SXM", 1)
    assert best["train 70B, LoRA in 16 bits on 8 GPUs, 50 M tokens"] == ("H100 SXM", 8)


def test_each_answer_is_the_first_row_of_its_own_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The printed command gives the same GPU and dollars."""
    load = 'recommend "Llama 3.1 8B" --rate 5/s --prompt-tokens 500 --output-tokens 300'
    _, (served,) = answered(capsys, *one(tmp_path, load))
    main([*shlex.split(served["command"])[1:], "--format", "json"])
    first = json.loads(capsys.readouterr().out)["rows"][0]
    assert served["best"]["usd"] == first["usd_per_month"]
    _, (trained,) = answered(
        capsys, *one(tmp_path, 'finetune "Llama 3.1 8B" --method qlora --tokens 1000000')
    )
    main([*shlex.split(trained["command"])[1:], "--format", "json"])
    rows = json.loads(capsys.readouterr().out)["verdicts"]
    assert trained["best"]["usd"] == pytest.approx(min(row["usd"] for row in rows))


def test_what_nothing_serves_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and no GPU is named; unknown training is 3."""
    load = 'finetune "Llama 3.3 70B" --method full --tokens 1000000'
    code, (found,) = answered(capsys, *one(tmp_path, load))
    assert (code, found["best"]) == (1, None)
    assert "the weights alone" in found["why"]
    code, (found,) = answered(
        capsys, *one(tmp_path, "finetune Qwen/Qwen3-30B-A3B --method lora --tokens 1000000")
    )
    assert (code, found["best"]) == (3, None)
    assert "experts" in found["why"]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("check x", "must begin with recommend or finetune"),
        ("", "'command' must be a string"),
        ('recommend "x', "cannot be split"),
        ('finetune "Llama 3.1 8B" --method lora', "needs --tokens"),
        ('finetune "Llama 3.1 8B" --method dora --tokens 1', "dora"),
        ('recommend "Llama 3.1 8B" --rate 0/s --prompt-tokens 5 --output-tokens 3', "--rate"),
        ('recommend "Llama 3.1 8B" --rate 1/s --prompt-tokens 5 --output-tokens 3 --gpus L4', "leave it out"),
        ('recommend "Llama 3.1 8B" --rate 1/s --prompt-token 5 --output-tokens 3', "--prompt-tokens"),
    ],
)
def test_a_bad_scenario_is_one_line(
    command: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, with the file and the row."""
    assert main(["scenarios", *one(tmp_path, command)]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert says in said.err
    assert "scenario 1" in said.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--gpus", "RTX 409"], "RTX 409"),
        (["--gpus", " , "], "names no GPU"),
        (["--gpus", "MI300X"], "no price for MI300X"),
        (["--file", ""], "--file is empty"),
        (["--file", "/nowhere.toml"], "does not exist"),
    ],
)
def test_bad_input_is_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2."""
    assert main(["scenarios", *words]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert says in said.err
