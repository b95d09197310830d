"""What an upgrade of vLLM changes for one deployment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vllm_costmeter.cli.main import main

MODELS = Path(__file__).parents[2] / "data" / "models"
LLAMA = [
    "check",
    str(MODELS / "meta-llama__Llama-3.1-8B-Instruct"),
    "--gpu",
    "RTX 4090",
    "--max-model-len",
    "8192",
]
HYBRID = ["check", str(MODELS / "Qwen__Qwen3.5-35B-A3B"), "--gpu", "H100 SXM", "--max-model-len", "32k"]


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, output and errors."""
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def test_each_part_stands_side_by_side_with_its_change(capsys: pytest.CaptureFixture[str]) -> None:
    """0.20 began to subtract CUDA graphs and to use 0.92 of the GPU."""
    code, out, _ = printed(capsys, *LLAMA, "--compare-versions", "0.19.0,0.33.0")
    rows = {line[:18].strip(): line[18:].split() for line in out.splitlines()}
    assert code == 0
    assert rows["CUDA graphs"] == ["0.00", "0.49", "+0.49"]
    assert rows["budget"] == ["21.28", "21.75", "+0.47"]
    assert rows["weights"][2] == "0.00"
    assert rows["above budget"] == ["1.16", "0.56", "-0.60"]
    assert rows["verdict"] == ["fits", "fits"]


def test_the_exit_code_is_of_the_release_to_move_to(capsys: pytest.CaptureFixture[str]) -> None:
    """0.19 starts this hybrid with fewer captured batches, 0.33 refuses it; each says why."""
    code, out, _ = printed(capsys, *HYBRID, "--compare-versions", "0.19.0,0.33.0")
    assert code == 1
    assert "0.33.0: refused: full CUDA graphs of recurrent layers" in out
    assert printed(capsys, *HYBRID, "--compare-versions", "0.33.0,0.19.0")[0] == 0


def test_the_json_has_every_answer_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """In the order asked."""
    _, out, _ = printed(capsys, *LLAMA, "--compare-versions", "0.25.1,0.29.0,0.33.0", "--format", "json")
    answer = json.loads(out)
    assert answer["schema"] == "costmeter.versions/1"
    assert [each["engine"]["vllm_version"] for each in answer["versions"]] == ["0.25.1", "0.29.0", "0.33.0"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["0.33.0"], "needs two releases or more"),
        ([""], "needs two releases or more"),
        (["0.25.1,0.99.0"], "the rules of vLLM 0.99.0 are not known"),
        (["0.25.1,0.1.dev1+g9759e3b06"], "are not known"),
        (["0.25.7,0.33.0"], "vLLM 0.25.7 was never released; of 0.25 there are 0.25.0, 0.25.1"),
        (["0.25.1,0.33.0", "--explain"], "cannot be combined with --explain"),
        (["0.25.1,0.33.0", "--max-num-seqs", "-5"], "--max-num-seqs must be 1 or more, got -5"),
        (["0.19.0,0.33.0", "--kv-cache-dtype", "nvfp4"], "got 'nvfp4' (vLLM 0.20.0 to"),
        (["0.25.1,newest"], "'newest' is not a version"),
        (["0.25.1,v0.25.1"], "names a release twice"),
        (["0.25.1,0.33.0", "--exact"], "cannot be combined with --exact"),
        (["0.25.1,0.33.0", "--vllm-version", "0.30.0"], "cannot be combined with --vllm-version"),
        (["0.25.1,0.33.0", "--format", "github"], "cannot be combined with --format github"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """Exit code 2 and nothing on standard output, but for the annotation that --format github asks for."""
    code, out, err = printed(capsys, *LLAMA, "--compare-versions", *words)
    assert (code, out.partition(" ")[0]) == (2, "::error" if "github" in words else "")
    assert said in err
    assert err.count("\n") == 1
