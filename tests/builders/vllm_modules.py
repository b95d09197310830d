"""Stand-ins for the modules of vLLM that the plugin touches, with every class and name of `touched.py`."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from vllm_costmeter.sources.vllm.touched import CALLS, HOOKS, STATISTICS, WORKERS, Touched

RELEASE = "0.33.0"


def vllm_modules(release: str = RELEASE, rows: Iterable[Touched] | None = None) -> dict[str, Any]:
    """Modules by name, in which each class has its names as class attributes that are None, and functions that return
    what they are given."""
    found: dict[str, Any] = {name: ModuleType(name) for name in ("vllm", "vllm.v1", "vllm.v1.metrics")}
    found["vllm"].__version__ = release
    for row in (*HOOKS, *CALLS, *STATISTICS, *WORKERS) if rows is None else rows:
        module = found.setdefault(row.module, ModuleType(row.module))
        for name in row:
            if not row.owner:
                vars(module).setdefault(name, type(name, (), {}) if name[0].isupper() else _returned)
                continue
            if row.owner not in vars(module):
                setattr(module, row.owner, type(row.owner, (), {}))
            owner = getattr(module, row.owner)
            if not name.startswith("__"):
                setattr(owner, name, None)
    loggers = found["vllm.v1.metrics.loggers"]
    loggers.StatLoggerBase = type("StatLoggerBase", (), {})
    found["vllm"].plugins = found["vllm.plugins"]
    return found


def _returned(*given: Any) -> Any:
    return given[0] if given else None
