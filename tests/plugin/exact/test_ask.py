"""The process that holds vLLM: asked, silenced, limited in time and length, and gone afterwards."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
from exact_answers import ANSWER, REQUEST

from vllm_costmeter.plugin.exact import ExactAnswer, ExactRequest, ExactUnavailableError, VllmWorker, ask_vllm


def worker(tmp_path: Path, body: str) -> list[str]:
    """A command that reads a request per line and runs `body`, with `reply(value)` at hand."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, os, sys, time\n"
        "def reply(value):\n    print(json.dumps(value), flush=True)\n"
        f"for line in sys.stdin:\n    request = json.loads(line)\n    {body}\n"
    )
    return [sys.executable, str(script)]


def test_requests_and_answers_survive_the_journey() -> None:
    """Tuples come back as tuples, and every number as it was."""
    assert ExactRequest.from_json(json.loads(json.dumps(REQUEST.to_json()))) == REQUEST
    assert ExactAnswer.from_json(json.loads(json.dumps(ANSWER.to_json()))) == ANSWER


def test_one_process_answers_several_requests(tmp_path: Path) -> None:
    """Importing vLLM takes seconds; a second model takes a tenth of one."""
    body = f"reply({{'answer': json.loads({json.dumps(json.dumps(ANSWER.to_json()))})}})"
    with VllmWorker(worker=worker(tmp_path, body)) as process:
        assert process.ask(REQUEST) == process.ask(REQUEST) == ANSWER


def test_a_refusal_is_one_line_for_the_caller(tmp_path: Path) -> None:
    """What vLLM says against a model reaches the note of the check."""
    body = "reply({'unavailable': 'the model is not supported'})"
    with pytest.raises(ExactUnavailableError, match="the model is not supported"):
        ask_vllm(REQUEST, worker=worker(tmp_path, body))


def test_a_process_that_dies_says_with_which_status(tmp_path: Path) -> None:
    """A crash in native code is an answer too: the tables', with a note."""
    with pytest.raises(ExactUnavailableError, match="exited with code 7"):
        ask_vllm(REQUEST, worker=worker(tmp_path, "os._exit(7)"))


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("SIGILL", "this CPU lacks an instruction that a compiled module needs"),
        ("SIGKILL", "most likely this machine or container ran out of memory"),
        ("SIGSEGV", "a compiled module crashed (invalid memory access)"),
    ],
)
def test_a_process_that_a_signal_ends_says_which_and_what_it_means(
    tmp_path: Path, name: str, meaning: str
) -> None:
    """One line, at the first question and at any after it."""
    body = (
        "import resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))"
        f"; os.kill(os.getpid(), signal.{name})"
    )
    with VllmWorker(worker=worker(tmp_path, body)) as process:
        for _ in range(2):
            with pytest.raises(ExactUnavailableError) as caught:
                process.ask(REQUEST)
            assert str(caught.value) == f"vLLM's process was ended by {name}: {meaning}"


def test_a_process_that_closes_its_output_and_stays_runs_out_of_time(tmp_path: Path) -> None:
    """Waiting for its end is limited too."""
    with pytest.raises(ExactUnavailableError, match="no result within 1 seconds"):
        ask_vllm(REQUEST, worker=worker(tmp_path, "os.close(1); time.sleep(600)"), time_limit_seconds=1.0)


def is_gone(pid: str, patience_seconds: float) -> bool:
    """Whether a killed process ends: on a busy machine the kernel takes a moment for it."""
    state = Path("/proc") / pid / "stat"
    until = time.monotonic() + patience_seconds
    while time.monotonic() < until:
        if not state.exists() or state.read_text().split()[2] in "ZX":
            return True
        time.sleep(0.02)
    return False


def test_time_runs_out_and_everything_started_is_ended(tmp_path: Path) -> None:
    """A hanging vLLM, and what it started, is gone after the limit."""
    pid_file = tmp_path / "child"
    body = (
        f"import subprocess; p = subprocess.Popen(['sleep', '600']); open({str(pid_file)!r}, 'w').write(str(p.pid))"
        "; time.sleep(600)"
    )
    began = time.monotonic()
    with pytest.raises(ExactUnavailableError, match="no result within 1 seconds"):
        ask_vllm(REQUEST, worker=worker(tmp_path, body), time_limit_seconds=1.0)
    assert time.monotonic() - began < 300  # and not the 600 s of the hang
    assert is_gone(pid_file.read_text(), patience_seconds=3.0)


def test_endless_output_is_not_read_to_the_end(tmp_path: Path) -> None:
    """Memory of the caller stays bounded whatever the process writes."""
    body = "exec('while True: sys.stdout.write(\"x\" * 65536)')"
    with pytest.raises(ExactUnavailableError, match="implausibly long"):
        ask_vllm(REQUEST, worker=worker(tmp_path, body))


def test_the_worker_is_offline_and_our_own_plugin_is_off_in_it(tmp_path: Path) -> None:
    """Nothing is downloaded, no GPU is seen, and the worker never checks the deployment it is asked about."""
    body = "reply({'unavailable': json.dumps(dict(os.environ))})"
    environ = {**os.environ, "VLLM_PLUGINS": "costmeter,other", "_COSTMETER_REQUESTED_PLUGINS": "costmeter"}
    with pytest.raises(ExactUnavailableError) as caught:
        ask_vllm(REQUEST, worker=worker(tmp_path, body), environ=environ)
    seen = json.loads(str(caught.value))
    assert (seen["HF_HUB_OFFLINE"], seen["CUDA_VISIBLE_DEVICES"], seen["VLLM_PLUGINS"]) == ("1", "", "other")
    assert "_COSTMETER_REQUESTED_PLUGINS" not in seen
