"""A stand-in NVIDIA driver for tests: builds `libnvidia-ml.so.1` from C and sets its mood while a process runs.

`environment(folder)` makes a process (and all its children) load it through the real pynvml; `Mood(file).set(...)`
changes what it answers from the next call on. What can be set is listed at the head of the C file.
"""

from __future__ import annotations

import os
from pathlib import Path

from c_compiler import compile_library

SOURCE = Path(__file__).parent / "libnvidia-ml" / "nvml_stand_in.c"
CONTROL_VARIABLE = "NVML_STAND_IN"


class Mood:
    """The control file: keys stay as they were set until they are set again."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._settings: dict[str, object] = {}
        self.set(mode="ok")

    def set(self, **settings: object) -> None:
        """Changes what the driver answers, in one step: the file is replaced, never half written."""
        self._settings.update(settings)
        fresh = self.file.with_suffix(".new")
        fresh.write_text("".join(f"{key}={value}\n" for key, value in self._settings.items()))
        fresh.replace(self.file)


def build(folder: Path) -> Path:
    """Compiles the library into `folder` and returns it: the value for LD_LIBRARY_PATH."""
    compile_library(folder / "libnvidia-ml.so.1", SOURCE)
    return folder


def environment(folder: Path, control: Path) -> dict[str, str]:
    """This process's environment with the stand-in's library first and its control file named."""
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("LD_LIBRARY_PATH")]))
    return {**os.environ, "LD_LIBRARY_PATH": path, CONTROL_VARIABLE: str(control)}
