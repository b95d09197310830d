"""What `costmeter recommend` cannot serve, and what it refuses in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.cli.main import main

LLAMA = ["Llama 3.3 70B", "--prompt-tokens", "2000", "--output-tokens", "500"]
SMALL = ["Llama 3.1 8B", "--prompt-tokens", "800", "--output-tokens", "200"]


def unserved(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """The JSON answer, with exit code 1."""
    assert main(["recommend", *words, "--format", "json"]) == 1
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([*LLAMA, "--rate", "1/s", "--ttft", "30ms"], "TTFT"),
        ([*LLAMA, "--rate", "1/s", "--tpot", "2ms"], "TPOT"),
        ([*LLAMA, "--rate", "2000/s", "--max-gpus", "16"], "GPUs"),
        ([*LLAMA, "--budget", "50/month"], "budget"),
    ],
)
def test_a_load_that_nothing_serves_names_what_comes_nearest(
    words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, in text and JSON."""
    nearest = unserved(capsys, *words)["nearest"]
    assert nearest[0]["reason"] == reason
    assert main(["recommend", *words]) == 1
    out = capsys.readouterr().out
    assert "Nothing on offer serves it" in out
    assert nearest[0]["message"] in out


def test_a_model_that_fits_nowhere_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    """In the words of the fit check."""
    words = [*LLAMA, "--rate", "1/s", "--gpus", "RTX 4090", "--max-gpus", "1"]
    found = unserved(capsys, *words)
    assert "RTX 4090" in json.dumps(found)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Llama 3.1 8B"], "--prompt-tokens"),
        (SMALL, "--rate"),
        ([*SMALL, "--rate", "0/s"], "above 0"),
        ([*SMALL, "--rate=-3/s"], "above 0"),
        ([*SMALL, "--rate", "-3/s"], "above 0"),
        ([*SMALL, "--rate", "1/s", "--ttft", "-5ms"], "--ttft"),
        ([*SMALL, "--rate", "20/fortnight"], "20/s"),
        ([*SMALL, "--rate", "many"], "20/s"),
        ([*SMALL, "--rate", "1/s", "--budget", "10"], "contradict"),
        ([*SMALL, "--budget", "10/day"], "per month"),
        ([*SMALL, "--rate", "1/s", "--ttft", "soon"], "1s@p95"),
        ([*SMALL, "--rate", "1/s", "--tpot", "0ms"], "above 0"),
        ([*SMALL, "--rate", "1/s", "--tpot", "50ms@p20"], "percentile"),
        ([*SMALL, "--rate", "1/s", "--cached-share", "1"], "below 1"),
        ([*SMALL, "--rate", "1/s", "--gpus", "RTX 4091"], "RTX 4090"),
        ([*SMALL, "--rate", "1/s", "--gpus", ","], "names no GPU"),
        ([*SMALL, "--rate", "1/s", "--quantizations", "fp9"], "as-published"),
        ([*SMALL, "--rate", "1/s", "--max-model-len", "10"], "below"),
        ([*SMALL, "--rate", "1/s", "--hours", "800"], "744"),
        ([*SMALL, "--rate", "1/s", "--purchase-usd", "5"], "--owned"),
        ([*SMALL, "--rate", "1/s", "--pue", "1.2"], "--owned"),
        ([*SMALL, "--rate", "1/s", "--link", "wire"], "nvlink4"),
        ([*SMALL, "--rate", "1/s", "--max-gpus", "0"], "1"),
        ([*SMALL, "--rate", "1/s", "--accepted-tokens", "1"], "together"),
        ([*SMALL, "--rate", "1/s", "--write", "helm", "x"], "kubernetes"),
        ([*SMALL, "--rate", "1/s", "--trace", "x"], "keep one"),
        (["Llama 3.1 8B", "--rate", "1/s", "--prompt-tokens", "200000", "--output-tokens", "1"], "131,072"),
        (["Lama 3.1 8B", "--rate", "1/s", "--prompt-tokens", "2", "--output-tokens", "1"], "Llama 3.1 8B"),
    ],
)
def test_bad_input_gets_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What was given, and what is allowed; exit code 2."""
    try:
        code = main(["recommend", *words])
    except SystemExit as stopped:
        code = int(str(stopped.code))
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert said in captured.err
    assert len(captured.err.strip().splitlines()) <= 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("arrival_seconds,prompt_tokens,output_tokens\n", "0 requests"),
        ("arrival_seconds,prompt_tokens,output_tokens\n1,5,5\n0,5,5\n", "sort the rows"),
        ("arrival_seconds,prompt_tokens,output_tokens\n1,5,5\n2,0,5\n", "at least 1"),
        ("arrival_seconds,prompt_tokens,output_tokens\n1,5,5\n1,5,5\n", "no rate"),
        ("arrival_seconds,prompt_tokens,output_tokens\n1,5,5\n2,x,5\n", "whole number"),
        ("when,prompt_tokens,output_tokens\n1,5,5\n2,5,5\n", "arrival_seconds"),
        ("arrival_seconds,prompt_tokens,output_tokens\nsoon,5,5\n2,5,5\n", "neither seconds nor a date"),
        ('{"arrival_seconds": 1\n', "not a JSON object"),
    ],
)
def test_a_trace_that_is_no_load_is_refused(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line."""
    file = tmp_path / "trace.csv"
    file.write_text(text)
    assert main(["recommend", "Llama 3.1 8B", "--trace", str(file)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_a_drafter_that_is_not_known_is_not_understood(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3, as from the check."""
    drafter = '{"method": "eagle3", "num_speculative_tokens": 3}'
    words = [*SMALL, "--rate", "1/s", "--speculative-config", drafter, "--accepted-tokens", "1"]
    assert main(["recommend", *words]) == 3
    assert "eagle3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"architectures": ["BertModel"], "model_type": "bert"}, "generates no tokens"),
        ({"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper"}, "encoder-decoder"),
    ],
)
def test_a_model_that_continues_no_prompts_is_not_modelled(
    config: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 3, by both commands."""
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    lengths = ["--prompt-tokens", "200", "--output-tokens", "20"]
    for words in (["recommend", str(file), "--rate", "1/s"], ["estimate", str(file), "--gpu", "L40S"]):
        assert main([*words, *lengths]) == 3
        assert said in capsys.readouterr().err
