"""Readers, each in a process of its own (`processes.py`): `python -m scripts.fuzz.one`.

Inputs are mutations of the seeds, and of inputs whose outcome had not been seen before. Findings are kept in the
folder, an input each; the last line that a reader's process writes is what was counted, as JSON.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import resource
import tempfile
import time
from pathlib import Path
from random import Random

from scripts.fuzz.mutation import mutated
from scripts.fuzz.outcome import Outcome, outcome_of
from scripts.fuzz.processes import Job, serve
from scripts.fuzz.reader import Reader
from scripts.fuzz.readers import READERS

MOST_MEMORY_BYTES = 200 << 20
"""Above what the process has when it has read every seed."""
CURRENT_BYTES = 4 << 20
CURRENT = "current"


class Run:
    """Counts what happens, and keeps what is a finding."""

    def __init__(self, reader: Reader, folder: Path, scratch: Path) -> None:
        self.reader, self.folder, self.scratch = reader, folder, scratch
        self.inputs, self.read, self.slowest = 0, 0, 0.0
        self.findings: dict[str, str] = {}
        self.outcomes: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / CURRENT).open("wb") as file:
            file.truncate(CURRENT_BYTES)
        with (folder / CURRENT).open("r+b") as file:
            self._current = mmap.mmap(file.fileno(), CURRENT_BYTES)

    def one(self, data: bytes) -> bool:
        """Whether its outcome is new. The input is on disk before it is read: it may end the process."""
        self._current[: len(data) + 8] = len(data).to_bytes(8, "little") + data
        outcome = outcome_of(self.reader, data, self.scratch)
        self.inputs += 1
        self.read += not outcome.said and outcome.finding is None
        self.slowest = max(self.slowest, outcome.seconds)
        if outcome.finding is not None:
            self._keep(outcome, data)
        is_new = outcome.said not in self.outcomes
        self.outcomes.add(outcome.said)
        return is_new

    def _keep(self, outcome: Outcome, data: bytes) -> None:
        assert outcome.finding is not None
        name = hashlib.sha256(outcome.finding.encode()).hexdigest()[:12]
        file = self.folder / f"{name}.input"
        if outcome.finding not in self.findings or len(data) < file.stat().st_size:
            file.write_bytes(data)
            (self.folder / f"{name}.txt").write_text(
                f"{outcome.finding}\n{outcome.details}", errors="replace"
            )
        self.findings[outcome.finding] = file.name


def run(
    reader: Reader, inputs: int, seconds: float, seed: int, folder: Path, *, bounds_memory: bool = True
) -> Run:
    """At most that many inputs or seconds of processor time, whichever comes first; the seeds themselves first."""
    random = Random(f"{reader.name} {seed}")
    seeds = reader.seeds() or [b""]
    pool = list(seeds)
    with tempfile.TemporaryDirectory(dir=memory_folder()) as scratch:
        found = Run(reader, folder, Path(scratch))
        for data in (*seeds, b""):
            found.one(data)
        if bounds_memory:
            limit_memory()
        deadline = time.process_time() + seconds
        while found.inputs < inputs and (found.inputs % 64 or time.process_time() < deadline):
            source = random.choice(seeds if random.random() < 0.5 else pool)
            data = mutated(source, seeds, random)
            if found.one(data) and len(data) < 2 * len(source) + 4096:
                pool.append(data)
    return found


def memory_folder() -> str | None:
    """Where files cost least: in memory, if the system has such a folder."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def limit_memory() -> None:
    """From now on, at most so much more: beyond it is a MemoryError."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + MOST_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def read(job: Job) -> None:
    """Says what was counted."""
    found = run(READERS[job.name], job.inputs, job.seconds, job.seed, Path(job.folder))
    print(json.dumps(counted(found) | {"engine": "outcomes"}))


def counted(found: Run) -> dict[str, object]:
    """What is said of a run."""
    return {
        "inputs": found.inputs,
        "seconds": round(time.process_time(), 1),
        "read": found.read,
        "outcomes": len(found.outcomes),
        "slowest_seconds": round(found.slowest, 3),
        "largest_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "findings": found.findings,
    }


if __name__ == "__main__":
    serve(read)
