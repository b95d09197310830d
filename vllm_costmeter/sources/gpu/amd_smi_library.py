"""AMD's package `amdsmi` and the library that it loads when it is imported.

Without the library, the package (7.0.2) prints two lines to the program's output and fails with KeyError. So the
library is loaded first, from the places where the package looks for it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Mapping
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vllm_costmeter.sources.gpu.driver import DriverError

LIBRARY = "libamd_smi.so"


def package(
    environ: Mapping[str, str] = os.environ, find: Callable[[str], ModuleSpec | None] = find_spec
) -> Any:
    """The imported package. DriverError if it or its library is missing, or their versions differ."""
    spec = find("amdsmi")
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    if not any(map(_loads, _places(environ, folders))):
        what = "the package amdsmi and its library are" if spec is None else f"{LIBRARY} is"
        raise DriverError(f"AMD SMI: {what} not on this machine (set ROCM_PATH)", "no_driver")
    if spec is None:
        raise DriverError(
            f"AMD SMI: {LIBRARY} is on this machine, but its package is not: install amdsmi",
            "driver_mismatch",
        )
    try:
        import amdsmi
    except AttributeError as fault:  # the library lacks a function that this version of the package binds
        raise DriverError(
            f"AMD SMI: the package does not suit {LIBRARY} ({fault})", "driver_mismatch"
        ) from None
    except (ImportError, KeyError, OSError) as fault:
        raise DriverError(f"AMD SMI: amdsmi cannot be imported ({fault})", "no_driver") from None
    return amdsmi


def _places(environ: Mapping[str, str], folders: list[str]) -> Iterator[str]:
    """In the package's order: ROCm's folder, the linker's, its own, the default one (amdsmi_wrapper.py of 7.0.2)."""
    rocm = environ.get("ROCM_HOME", environ.get("ROCM_PATH"))
    if rocm:
        yield str(Path(rocm, "lib", LIBRARY))
    yield LIBRARY
    for folder in folders:
        yield str(Path(folder, LIBRARY))
    yield str(Path(environ.get("ROCM_PATH", "/opt/rocm"), "lib", LIBRARY))


def _loads(place: str) -> bool:
    try:
        ctypes.CDLL(place)
    except OSError:
        return False
    return True
