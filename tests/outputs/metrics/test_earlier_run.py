"""A server that begins in the directory of an ended one with more processes counts nothing of that."""

from __future__ import annotations

import os
import re
from pathlib import Path

from published import families

from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.requests.ended import EndedRequest
from vllm_costmeter.outputs.metrics.earlier_run import remove_earlier_run
from vllm_costmeter.outputs.metrics.multiprocess import MultiprocessPublisher
from vllm_costmeter.outputs.metrics.process_exchange import ProcessExchange
from vllm_costmeter.outputs.requests.request_files import RequestFiles

REQUEST = EndedRequest(1, ("cmpl-1",), 1.0, "m", "", 1, "completed", 1, 0, 1, None)
STARTED = 1_000_000.0
THEIRS = (
    *("counter_4712.db", "costmeter2026.db", "costmeter2026.db-wal", "my_costmeter3.backup.tar"),
    *("costmeter_engines_4.json.old", "counter_costmeter5.db.copy", "costmeter_requests_6.jsonl"),
)


def left_by(directory: Path, rank: int, at: float) -> None:
    """Every file that a process writes there, one cut in the middle too, as of a moment."""
    before = set(directory.iterdir())
    MultiprocessPublisher(directory, rank).publish(families())
    ProcessExchange(directory, rank, 0.0).write_engines(1.0, [EngineTotals(0)])
    RequestFiles(directory, rank).append([REQUEST])
    (directory / f"counter_costmeter{rank}.costmeter-tmp").touch()
    (directory / f"costmeter_engines_{rank}.json.{rank}.tmp").touch()
    for path in set(directory.iterdir()) - before:
        os.utime(path, (at, at))


def ranks(directory: Path) -> set[int]:
    return {int(re.findall(r"\d+", path.name)[0]) for path in directory.iterdir()}


def test_only_ranks_that_nobody_has_now_are_removed(tmp_path: Path) -> None:
    """All of their files; those of its own processes are replaced by themselves."""
    for rank in (0, 1, 2, 7):
        left_by(tmp_path, rank, STARTED - 60)
    remove_earlier_run(tmp_path, 2, STARTED)
    assert ranks(tmp_path) == {0, 1}


def test_what_was_written_since_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    """A process that could not start tells so under its id, which is larger than any rank; vLLM's files are vLLM's."""
    left_by(tmp_path, 4711, STARTED + 1)
    theirs = {tmp_path / name for name in THEIRS}
    for path in theirs:
        path.touch()
        os.utime(path, (0, 0))
    remove_earlier_run(tmp_path, 2, STARTED)
    assert theirs <= set(tmp_path.iterdir())
    assert ranks(tmp_path) == {4711, *(int(re.findall(r"\d+", name)[0]) for name in THEIRS)}


def test_a_directory_that_is_gone_is_nobodys_problem(tmp_path: Path) -> None:
    remove_earlier_run(tmp_path / "gone", 2, STARTED)
