"""`costmeter calibrate`: the estimate fitted to a measured server, kept, used, and said."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.cli.main import main

WORDS = ["Llama 3.1 8B", "--gpu", "H100 SXM"]
LOAD = ["--concurrency", "32", "--prompt-tokens", "512", "--output-tokens", "128"]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "vllm-costmeter" / "throughput.json"


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """The JSON answer."""
    assert main([*words, "--format", "json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def bench(folder: Path, rate: float, *, concurrency: int = 32, requests: int = 320, **more: Any) -> str:
    """A result of `vllm bench serve` with this rate of generated tokens."""
    seconds = requests * 128 / rate
    values = {
        "model_id": "m",
        "num_prompts": requests,
        "completed": requests,
        "duration": seconds,
        "request_rate": "inf",
        "max_concurrency": concurrency,
        "total_input_tokens": 512 * requests,
        "total_output_tokens": 128 * requests,
        "request_throughput": requests / seconds,
        "output_throughput": rate,
        "total_token_throughput": rate * 5,
    }
    file = folder / f"{len(list(folder.glob('*.json')))}.json"
    file.write_text(json.dumps(values | more))
    return str(file)


def estimated(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """At the load of the runs."""
    return answered(capsys, "estimate", *WORDS, *LOAD)


def test_the_estimate_becomes_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At the same load, with a narrower range, and it says so; so does a recommendation."""
    before = estimated(capsys)
    assert before["calibrated_by"] == ""
    measured = before["generated_tokens_per_second"] * 0.8
    file = bench(tmp_path, measured)
    found = answered(capsys, "calibrate", *WORDS, "--from-bench", file)
    assert found["slowdown"] > 1.1
    after = estimated(capsys)
    assert after["generated_tokens_per_second"] == pytest.approx(measured, rel=0.02)
    assert "1 run" in after["calibrated_by"]
    low, high = after["generated_tokens_per_second_range"]
    assert high / low < 1.3
    load = [
        "Llama 3.1 8B",
        "--rate",
        "5/s",
        "--prompt-tokens",
        "512",
        "--output-tokens",
        "128",
        "--gpus",
        "H100 SXM",
    ]
    rows = answered(capsys, "recommend", *load)["rows"]
    assert {row["calibrated_by"] for row in rows if row["quantization"] == "as-published"} == {
        after["calibrated_by"]
    }
    assert main(["recommend", *load]) == 0
    assert "calibrated by 1 run" in capsys.readouterr().out


def test_another_model_or_gpu_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only this GPU, model and precision."""
    others = (
        ["Llama 3.1 8B", "--gpu", "RTX 4090"],
        ["Llama 2 13B", "--gpu", "H100 SXM"],
        [*WORDS, "--quantization", "fp8"],
    )
    before = [answered(capsys, "estimate", *words) for words in others]
    file = bench(tmp_path, estimated(capsys)["generated_tokens_per_second"] * 0.8)
    answered(capsys, "calibrate", *WORDS, "--from-bench", file)
    assert [answered(capsys, "estimate", *words) for words in others] == before


def test_a_later_calibration_replaces_an_earlier_one(
    tmp_path: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the same deployment; --dry-run keeps nothing."""
    rate = estimated(capsys)["generated_tokens_per_second"]
    slow, fast = bench(tmp_path, rate * 0.7), bench(tmp_path, rate * 1.2)
    answered(capsys, "calibrate", *WORDS, "--from-bench", slow)
    answered(capsys, "calibrate", *WORDS, "--from-bench", fast, "--dry-run")
    assert estimated(capsys)["generated_tokens_per_second"] == pytest.approx(rate * 0.7, rel=0.02)
    answered(capsys, "calibrate", *WORDS, "--from-bench", fast)
    assert len(json.loads(state.read_text())["calibrations"]) == 1
    assert estimated(capsys)["generated_tokens_per_second"] == pytest.approx(rate * 1.2, rel=0.02)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema": "other", "calibrations": []}', "\x00"])
def test_a_file_that_is_not_ours_changes_no_estimate(
    text: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is ignored."""
    before = estimated(capsys)
    state.parent.mkdir(parents=True)
    state.write_text(text)
    assert estimated(capsys) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"max_concurrency": None}, "--max-concurrency"),
        ({"completed": 40, "num_prompts": 40}, "mostly beginning and end"),
        ({"output_throughput": 50.0}, "another model"),
        ({"output_throughput": 500_000.0}, "another model"),
    ],
)
def test_runs_that_tell_nothing_are_refused(
    change: dict[str, Any], said: str, tmp_path: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, and nothing is kept."""
    file = bench(tmp_path, 2000, **change)
    assert main(["calibrate", *WORDS, "--from-bench", file]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert not state.exists()


PYTHON = sys.executable
LOAD_TEST = """#!/bin/sh
"exec" "{python}" "$0" "$@"
import json, sys
from pathlib import Path

given = dict(zip(sys.argv, sys.argv[1:]))
if {fails}:
    sys.exit("a line before\\nError: Cannot connect to host")
requests, seconds = int(given["--num-prompts"]), 10
values = {{"duration": seconds, "completed": requests, "num_prompts": requests, "request_rate": "inf"}}
values |= {{"max_concurrency": int(given["--max-concurrency"]), "total_input_tokens": 512 * requests}}
values |= {{"total_output_tokens": 128 * requests, "output_throughput": 128 * requests / seconds}}
values |= {{"total_token_throughput": 640 * requests / seconds, "request_throughput": requests / seconds}}
(Path(given["--result-dir"]) / given["--result-filename"]).write_text(json.dumps(values))
"""
"""Stands in for `vllm bench serve`: any number at once takes ten seconds."""


def load_test(folder: Path, *, fails: bool = False) -> None:
    """A `vllm` in the folder."""
    (folder / "vllm").write_text(LOAD_TEST.format(python=PYTHON, fails=fails))
    (folder / "vllm").chmod(0o755)


@pytest.mark.parametrize("is_on_path", [True, False])
def test_a_running_server_is_measured_with_three_load_tests(
    is_on_path: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the `vllm` on the PATH, else the one beside this Python; each run is named by the server and its load."""
    load_test(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path) if is_on_path else str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / ("elsewhere/python" if is_on_path else "python")))
    found = answered(capsys, "calibrate", *WORDS, "--url", "http://127.0.0.1:8000", "--dry-run")
    assert [run["place"] for run in found["runs"]] == [
        f"http://127.0.0.1:8000, {number} at once" for number in (4, 16, 64)
    ]
    rates = [run["generated_tokens_per_second"] for run in found["runs"]]
    assert rates == [pytest.approx(5 * number * 128 / 10) for number in (4, 16, 64)]


def test_a_load_test_that_fails_is_one_line(
    tmp_path: Path, state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last one; without any `vllm`, what to run instead."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "elsewhere" / "python"))
    words = ["calibrate", *WORDS, "--url", "http://127.0.0.1:1"]
    for said in ("the `vllm` command is not installed here", "failed: Error: Cannot connect to host"):
        assert main(words) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
        load_test(tmp_path, fails=True)
    assert not state.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Llama 3.1 8B"], "--gpu"),
        (WORDS, "--from-bench"),
        (["Llama 3.1 8B", "--gpu", "2x H100 SXM", "--from-bench", "x"], "parallel sizes"),
        ([*WORDS, "--url", "localhost"], "http://"),
        ([*WORDS, "--from-bench", "missing.json"], "missing.json"),
    ],
)
def test_bad_input_gets_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2."""
    assert main(["calibrate", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
