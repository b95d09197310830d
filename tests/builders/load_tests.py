"""Results of load tests as `vllm bench serve` writes them, and what `costmeter gate` says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.cli.main import main

PERCENT = "--max-usd-per-million"


def result(rate: float, **changed: Any) -> dict[str, Any]:
    """What `vllm bench serve` writes of a run at that many generated tokens per second."""
    requests, output_tokens, prompt_tokens = 500, 128, 512
    seconds = requests * output_tokens / rate
    return {
        "date": "20261128-120000",
        "model_id": "org/model",
        "num_prompts": requests,
        "request_rate": "inf",
        "max_concurrency": 64,
        "duration": seconds,
        "completed": requests,
        "failed": 0,
        "total_input_tokens": requests * prompt_tokens,
        "total_output_tokens": requests * output_tokens,
        "request_throughput": requests / seconds,
        "output_throughput": rate,
        "total_token_throughput": rate * (prompt_tokens + output_tokens) / output_tokens,
        **changed,
    }


def write(file: Path, *runs: dict[str, Any]) -> str:
    """One run to a line, as with `--append-result`."""
    file.write_text("\n".join(json.dumps(run) for run in runs))
    return str(file)


def gate(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """Exit code and JSON."""
    code = main(["gate", *words, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def fault(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line of bad input."""
    assert main(["gate", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err
