"""What `costmeter gate` does not decide, and what it refuses in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from load_tests import PERCENT, fault, gate, result, write

from vllm_costmeter.cli.main import main


@pytest.mark.parametrize(
    ("changed", "reason", "said"),
    [
        ({"failed": 30}, "failed_requests", "30 of 530 requests failed"),
        ({"total_output_tokens": 500 * 200}, "different_lengths", "same data set"),
        ({"total_input_tokens": 500 * 256}, "different_lengths", "same data set"),
    ],
)
def test_what_is_not_comparable_does_not_pass(
    changed: dict[str, Any], reason: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Equal costs of unlike runs are undecided, with the reason in words."""
    before = write(tmp_path / "a.json", *(result(1000 + n) for n in range(3)))
    after = write(tmp_path / "b.json", *(result(1000.5 + n, **changed) for n in range(3)))
    words = ["--baseline", before, after, PERCENT, "+3%"]
    code, answer = gate(capsys, *words)
    assert (code, answer["loads"][0]["reason"]) == (3, reason)
    main(["gate", *words])
    assert said in capsys.readouterr().out


def test_a_rate_that_the_test_sets_says_nothing_of_the_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that keeps up with a stated request rate shows the load: undecided, unless another load tells."""
    slow = {"request_rate": 8.0}
    before = [result(1000 + n, **slow) for n in range(3)]
    after = [result(1000.5 + n, **slow) for n in range(3)]
    files = (write(tmp_path / "a.json", *before), write(tmp_path / "b.json", *after))
    code, answer = gate(capsys, "--baseline", files[0], files[1], PERCENT, "+3%")
    assert (code, answer["loads"][0]["reason"]) == (3, "load_limited")
    files = (
        write(tmp_path / "a.json", *before, *(result(2000 + n) for n in range(3))),
        write(tmp_path / "b.json", *after, *(result(2000.5 + n) for n in range(3))),
    )
    assert gate(capsys, "--baseline", files[0], files[1], PERCENT, "+3%")[0] == 0


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with what to change."""
    one = write(tmp_path / "a.json", result(1000))
    two = write(tmp_path / "b.json", result(1100))
    copy = write(tmp_path / "c.json", result(1000))
    other = write(tmp_path / "d.json", result(1000, max_concurrency=128))
    cut = tmp_path / "cut.json"
    cut.write_text(json.dumps(result(1000))[:80])
    both = ("--baseline", one, two)
    assert "is missing: give a rise such as +3%" in fault(capsys, *both)
    assert "got '+0.02': is it +0.02%?" in fault(capsys, *both, PERCENT, "+0.02")
    for wrong in ("%", "+x%", "-100%", "0", "-1", "1e99%", "nan"):
        assert "--max-usd-per-million must be" in fault(capsys, *both, f"{PERCENT}={wrong}")
    assert "no result after the change" in fault(capsys, "--baseline", one, PERCENT, "+3%")
    assert "needs --baseline" in fault(capsys, two, PERCENT, "+3%")
    assert "is it a baseline?" in fault(capsys, "--baseline", one, copy, "--current", two, PERCENT, "+3%")
    assert "does not exist" in fault(capsys, "--baseline", "missing.json", two, PERCENT, "+3%")
    assert "does not exist" in fault(capsys, "--baseline", str(tmp_path / "none-*.json"), two, PERCENT, "+3%")
    assert "truncated" in fault(capsys, "--baseline", str(cut), two, PERCENT, "+3%")
    assert "is given twice" in fault(capsys, "--baseline", one, one, PERCENT, "+3%")
    assert "are one run" in fault(capsys, "--baseline", one, copy, PERCENT, "+3%")
    loads = fault(capsys, "--baseline", one, other, PERCENT, "+3%")
    assert "the loads differ" in loads
    assert "max concurrency 64" in loads
    assert "max concurrency 128" in loads
    for wrong in ("50%", "0", "100%", "1", "sure"):
        assert "--confidence must be" in fault(capsys, *both, PERCENT, "+3%", "--confidence", wrong)
    assert "--noise must be" in fault(capsys, *both, PERCENT, "+3%", "--noise=-1%")
    assert "--baseline-gpu needs --gpu" in fault(capsys, *both, PERCENT, "+3%", "--baseline-gpu", "RTX 4090")
    assert "contradict" in fault(
        capsys, *both, PERCENT, "+3%", "--gpu-hourly-usd", "1", "--node-hourly-usd", "2"
    )
    assert "RTX 4091" in fault(capsys, *both, PERCENT, "+3%", "--gpu", "RTX 4091")
