"""A stand-in AMD driver library for tests: builds `libamd_smi.so` from C and sets its mood while a process runs.

`environment(folder, control)` makes a process load it through the real package `amdsmi`; `nvml_stand_in.Mood` writes
the control file. What can be set is listed at the head of the C file. The package binds every function of the library
when it is imported, so those that the C file lacks are written here as stubs, from the package's own list.
"""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from c_compiler import compile_library

SOURCE = Path(__file__).parent / "libamd_smi" / "amd_smi_stand_in.c"
CONTROL_VARIABLE = "AMD_SMI_STAND_IN"


def wrapper_text() -> str | None:
    """The package's ctypes wrapper, unimported (importing it needs the library); None where it is not installed."""
    spec = importlib.util.find_spec("amdsmi")
    if spec is None or not spec.submodule_search_locations:
        return None
    return (Path(spec.submodule_search_locations[0]) / "amdsmi_wrapper.py").read_text()


def build(folder: Path, wrapper: str) -> Path:
    """Compiles the library into `folder`/lib and returns `folder`: the value for ROCM_PATH."""
    bound = set(re.findall(r"_libraries\['libamd_smi\.so'\]\.(\w+)", wrapper))
    written = set(re.findall(r"^(?:int|void) (\w+)\(", SOURCE.read_text(), re.MULTILINE))
    stubs = folder / "stubs.c"
    stubs.write_text("".join(f"int {name}(void) {{ return 2; }}\n" for name in sorted(bound - written)))
    (folder / "lib").mkdir(exist_ok=True)
    library = folder / "lib" / "libamd_smi.so"
    compile_library(library, SOURCE, stubs)
    return folder


def environment(folder: Path, control: Path) -> dict[str, str]:
    """This process's environment with the stand-in's library first and its control file named."""
    return {
        **os.environ,
        "ROCM_HOME": str(folder),
        "ROCM_PATH": str(folder),
        CONTROL_VARIABLE: str(control),
    }
