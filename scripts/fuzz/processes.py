"""A process for each reader, forked from one that has imported them all: with branches counted, that takes 5 s."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from scripts.fuzz.reader import ROOT

SAID = "said"
"""In a reader's folder: what its process wrote."""
_ENDED = "ended "


class Job(NamedTuple):
    """What one process reads: at most so many inputs, and seconds of processor time."""

    name: str
    inputs: int
    seconds: float
    seed: int
    folder: str


def serve(read: Callable[[Job], None]) -> None:
    """Runs `read` for each job (a JSON list in each line of the input) in a process of its own, and answers with the
    exit code of that process."""
    for line in sys.stdin:
        job = Job(*json.loads(line))
        child = os.fork()
        if child == 0:
            _alone(read, job)
        _, status = os.waitpid(child, 0)
        print(f"{_ENDED}{os.waitstatus_to_exitcode(status)}", flush=True)


def _alone(read: Callable[[Job], None], job: Job) -> None:
    """Ends this process."""
    code = 1
    try:
        folder = Path(job.folder)
        folder.mkdir(parents=True, exist_ok=True)
        said = os.open(folder / SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        read(job)
        code = 0
    except BaseException:  # noqa: BLE001 (the parent's loop must not run twice)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Engine:
    """`python -m scripts.fuzz.one` or `.coverage`, from here, until the end of a `with`."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"scripts.fuzz.{name}"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.terminate()

    def read(self, job: Job) -> tuple[int, str]:
        """The exit code of the reader's process, and what it wrote."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(job)}\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(_ENDED):
                return int(line.removeprefix(_ENDED)), (Path(job.folder) / SAID).read_text(errors="replace")
        raise ChildProcessError(f"the fuzzer itself ended with {self._process.wait()}")
