"""Which vLLM is installed beside us, without importing it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from functools import cache

_DISTRIBUTION = re.compile(r"vllm-(\d[^/]*)\.dist-info")


def installed_vllm_version(path: Iterable[str] | None = None) -> str | None:
    """The version of the distribution `vllm` on the import path, None where there is none.

    Reads folder names: importlib.metadata says the same and takes longer than the whole check.
    """
    return _found(tuple(sys.path if path is None else path))


@cache
def _found(path: tuple[str, ...]) -> str | None:
    """Looked for once: what is installed does not change under a running process."""
    for entry in path:
        try:
            names = [name for name in os.listdir(entry or ".") if name.startswith("vllm-")]  # noqa: PTH208 (5x faster)
        except OSError:
            continue
        for name in sorted(names, reverse=True):
            match = _DISTRIBUTION.fullmatch(name)
            if match:
                return match[1]
    return None
