"""The stand-in drivers, compiled as shared libraries."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def compile_library(library: Path, *sources: Path) -> None:
    """RuntimeError where this machine has no C compiler, CalledProcessError for a source that does not compile."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise RuntimeError("the stand-in drivers need a C compiler (gcc)")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, *sources], check=True
    )
