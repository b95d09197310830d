"""Results of `vllm bench serve`, and what is not one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.servers.bench_file import read_bench

RESULT = {
    "date": "20261122-120000",
    "model_id": "org/model",
    "duration": 30.5,
    "completed": 100,
    "max_concurrency": 64,
    "output_throughput": 2550.0,
    "total_token_throughput": 7000.5,
}


def write(folder: Path, text: str) -> str:
    file = folder / "result.json"
    file.write_text(text)
    return str(file)


def test_a_result_gives_both_rates(tmp_path: Path) -> None:
    """Generated tokens and all tokens per second; the last run of an appended file counts."""
    found = read_bench(write(tmp_path, json.dumps(RESULT)))
    assert (found.generated_tokens_per_second, found.total_tokens_per_second) == (2550.0, 7000.5)
    both = json.dumps(RESULT) + "\n" + json.dumps(RESULT | {"output_throughput": 3000.0}) + "\n"
    assert read_bench(write(tmp_path, both)).generated_tokens_per_second == 3000.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (json.dumps(RESULT)[:60], "truncated"),
        ("", "truncated"),
        ("hello", "truncated"),
        ("[" * 100_000, "truncated"),
        ("[1, 2]", "not a result"),
        (json.dumps({"elapsed_time": 1, "tokens_per_second": 5}), "vllm bench throughput"),
        (json.dumps({"avg_latency": 1}), "vllm bench latency"),
        (json.dumps(RESULT | {"output_throughput": 0}), "generated no tokens"),
        (json.dumps(RESULT | {"output_throughput": "fast"}), "above 0"),
        (json.dumps(RESULT | {"output_throughput": float("nan")}), "above 0"),
    ],
)
def test_anything_else_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    """Of another tool, cut off, or of a run that made nothing."""
    with pytest.raises(BadInputError, match=said):
        read_bench(write(tmp_path, text))


def test_a_file_that_is_not_there_is_one_line() -> None:
    """With the path."""
    with pytest.raises(BadInputError, match=r"missing\.json: does not exist"):
        read_bench("missing.json")
