"""Where a measurement was made: what a report says of its date, machine and versions."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any


def this_machine() -> dict[str, Any]:
    """date, vllm, processor, cores, python."""
    return {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "vllm": version("vllm"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def processor() -> str:
    """The processor's name, as the kernel knows it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
