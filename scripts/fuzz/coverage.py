"""As `scripts.fuzz.one`, with atheris (libFuzzer) in place of our own choice of inputs: what runs a branch of the
package that no input had run before is mutated further. The mutations are ours.

`python -m scripts.fuzz.coverage`; needs the extra fuzz.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["vllm_costmeter"]):
    from scripts.fuzz.readers import READERS

from scripts.fuzz.mutation import mutated
from scripts.fuzz.one import Run, counted, limit_memory, memory_folder
from scripts.fuzz.processes import Job, serve

FROM_A_SEED = 0.5
"""The share of inputs made from a real file: what ran a new branch is mostly refused early, and so is what follows."""
MOST_GROWN_BYTES = 1 << 10
"""What is that much longer than the usual seed is read, but not mutated further: else all would soon be so long."""
SMALLEST_LIMIT_BYTES = 8 << 10
"""Inputs are cut there, or at twice the longest seed: what is longer runs the same code, for longer."""


def read(job: Job) -> None:
    """Says what was counted and ends the process, with 0 whatever was found: libFuzzer does not return."""
    reader = READERS[job.name]
    seeds = reader.seeds()
    scratch, corpus = Path(tempfile.mkdtemp(dir=memory_folder())), Path(tempfile.mkdtemp())
    for number, data in enumerate(seeds):
        (corpus / str(number)).write_bytes(data)
    run = Run(reader, Path(job.folder), scratch)
    for data in seeds:
        run.one(data)
    limit_memory()

    def one(data: bytes) -> None:
        run.one(data)
        if run.inputs >= job.inputs or time.process_time() > job.seconds:
            print(json.dumps(counted(run) | {"engine": "atheris"}), flush=True)
            for made in (scratch, corpus):
                shutil.rmtree(made, ignore_errors=True)
            os._exit(0)

    lengths = sorted(map(len, seeds))
    most_bytes = max(SMALLEST_LIMIT_BYTES, 2 * lengths[-1])

    def changed(data: bytes, most_bytes: int, number: int) -> bytes:
        random = Random(number)
        has_grown = len(data) > lengths[len(lengths) // 2] + MOST_GROWN_BYTES
        source = random.choice(seeds) if has_grown or random.random() < FROM_A_SEED else data
        return mutated(source, seeds, random)[:most_bytes]

    kept = f"-artifact_prefix={job.folder}/"  # of what libFuzzer itself finds slow or wrong
    flags = [f"-seed={job.seed}", f"-max_len={most_bytes}", kept, "-verbosity=0", str(corpus)]
    atheris.Setup([sys.argv[0], *flags], one, custom_mutator=changed)
    atheris.Fuzz()


if __name__ == "__main__":
    serve(read)
