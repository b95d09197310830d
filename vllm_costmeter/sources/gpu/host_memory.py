"""The host's memory, which an integrated GPU shares: Linux's MemTotal and MemAvailable."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from vllm_costmeter.core.whole_number import whole_number

MEMINFO = Path("/proc/meminfo")
KIB = 1 << 10


class HostMemory(NamedTuple):
    """In bytes."""

    total: int
    available: int
    """With the page cache that Linux can give up: what psutil calls `available`, and vLLM free memory on such GPUs."""


def host_memory(file: Path = MEMINFO) -> HostMemory | None:
    """None where the file is missing (not Linux) or says neither."""
    try:
        lines = file.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return None
    found = {}
    for line in lines:
        name, _, rest = line.partition(":")
        amount = rest.split()
        kib = whole_number(amount[0]) if amount else None
        if name in ("MemTotal", "MemAvailable") and kib is not None:
            found[name] = kib * KIB
    if len(found) < len(HostMemory._fields):
        return None
    return HostMemory(found["MemTotal"], min(found["MemAvailable"], found["MemTotal"]))
