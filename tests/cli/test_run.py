"""`costmeter run`, with commands that use no vLLM."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ledgers import dollars

from vllm_costmeter.cli.main import main

WRITE = """
import os, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from ledgers import NOON, SERIES, usage, write
write(Path(os.environ["COSTMETER_LEDGER"]), {{NOON: usage(1.0)}})
print(os.environ["COSTMETER_GPU_HOURLY_USD"], os.environ.get("COSTMETER_NODE_HOURLY_USD"))
sys.exit(5)
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own ledger."""
    path = tmp_path / "own.sqlite3"
    monkeypatch.setenv("COSTMETER_LEDGER", str(path))
    monkeypatch.setenv("COSTMETER_NODE_HOURLY_USD", "9")
    return path


def test_a_failed_job_is_answered_and_kept(
    state: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With its own exit code and output; the answer goes to standard error, into a file and into the user's ledger; the
    price of the command line replaces the environment's."""
    code = WRITE.format(paths=sys.path)
    output = tmp_path / "cost.json"
    words = ("run", "--gpu-hourly-usd", "3", "--output", str(output), "--", sys.executable, "-c", code)
    assert main(words) == 5
    out, error = capfd.readouterr()
    assert out == "3 None\n"
    assert "m: 3 requests, 600 computed and 0 cached prompt tokens, 100 generated" in error
    assert "ended with exit code 5" in error
    found = json.loads(output.read_text())
    assert (found["schema"], found["exit_code"], found["usd"]) == ("costmeter.run/1", 5, 1.5)
    assert found["total_usd"] == pytest.approx(1.5 + found["outside_usd"])
    assert dollars(state) == 1.5


def test_a_job_without_vllm_says_so(state: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No dollar is made up, and nothing is added to the ledger."""
    assert main(("run", "--", sys.executable, "-c", "print(1)")) == 0
    out, error = capfd.readouterr()
    assert (out, "no vLLM engine was metered" in error) == ("1\n", True)
    assert not state.exists()


def test_an_interrupted_job_is_answered(state: Path) -> None:
    """SIGTERM reaches the job, and its end is reported."""
    words = [sys.executable, "-m", "vllm_costmeter.cli.main", "run", "--format", "json", "--"]
    job = "import time; print('up', flush=True); time.sleep(600)"
    running = subprocess.Popen(
        [*words, sys.executable, "-c", job],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ},
    )
    assert running.stdout is not None
    assert running.stdout.readline() == b"up\n"
    time.sleep(0.2)  # until its signals are passed on
    running.send_signal(signal.SIGTERM)
    _, error = running.communicate(timeout=60)
    assert (running.returncode, json.loads(error)["exit_code"]) == (143, 143)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--",), "COMMAND"),
        (("--", "no-such-command-here"), "command not found"),
        (("--gpu-hourly-usd", "-1", "--", "true"), "--gpu-hourly-usd must be a number above 0"),
        (("--usd-per-hour", "x", "--", "true"), "--usd-per-hour must be a number above 0"),
        (("--output", __file__, "--", "true"), "exists already; nothing was run"),
    ],
)
def test_bad_input_is_one_line(
    words: tuple[str, ...], said: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is run."""
    assert main(("run", *words)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
