"""Where a measurement is made: a machine that is quiet, and what a report says of it."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any


def require_quiet() -> None:
    """Ends the program where other work runs."""
    busy = os.getloadavg()[0]
    if busy > (os.cpu_count() or 1) / 2:
        raise SystemExit(
            f"other work runs here (load average {busy:.1f}): what is measured now would be that, not the meter"
        )


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
