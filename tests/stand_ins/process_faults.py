"""Faults put into a process from outside by a preloaded library: a disk that fails or is slow below one folder, and a
wall clock that jumps."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from c_compiler import compile_library

SOURCE = Path(__file__).parent / "libfaults" / "faults.c"
NUMBERS = struct.Struct("=qqq")


class ProcessFaults:
    """What the processes that were started with `env` meet from now on; well until `set`."""

    def __init__(self, work: Path, failing_folder: Path) -> None:
        work.mkdir(parents=True, exist_ok=True)
        library, control = work / "libfaults.so", work / "control"
        compile_library(library, SOURCE)
        control.write_bytes(bytes(NUMBERS.size))
        with control.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), NUMBERS.size)
        self.env = {
            "LD_PRELOAD": str(library),
            "FAULTS_CONTROL": str(control),
            "FAULTS_FOLDER": f"{failing_folder}/",
        }

    def set(self, *, write_errno: int = 0, write_milliseconds: int = 0, clock_seconds: int = 0) -> None:
        """Everything that is not named is well."""
        self._shared[:] = NUMBERS.pack(write_errno, write_milliseconds, clock_seconds)
