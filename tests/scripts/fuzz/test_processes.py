"""A reader's process says what it counted, or with which code it ended; the next reader has one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from scripts.fuzz.processes import SAID, Engine, Job
from scripts.fuzz.reader import ROOT

SERVED = """
import os
from scripts.fuzz.processes import serve
def read(job):
    if job.name == "dies":
        os.abort()
    if job.name == "raises":
        raise ValueError("no such reader")
    print(job.inputs)
serve(read)
"""


def test_the_last_line_is_what_was_counted(tmp_path: Path) -> None:
    """From the engine that needs no atheris."""
    with Engine("one") as engine:
        code, said = engine.read(Job("secret", 20, 60.0, 1, str(tmp_path / "secret")))
    assert code == 0
    assert json.loads(said.splitlines()[-1])["inputs"] == 20


def test_a_process_that_ends_takes_no_other_with_it(tmp_path: Path) -> None:
    """An abort, as of a stack that overflows, and a traceback."""
    jobs = [Job(name, 7, 1.0, 1, str(tmp_path / name)) for name in ("dies", "raises", "ends")]
    done = subprocess.run(
        [sys.executable, "-c", SERVED],
        input="".join(f"{json.dumps(job)}\n" for job in jobs),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["ended -6", "ended 1", "ended 0"]
    assert "ValueError: no such reader" in (tmp_path / "raises" / SAID).read_text()
    assert (tmp_path / "ends" / SAID).read_text() == "7\n"
