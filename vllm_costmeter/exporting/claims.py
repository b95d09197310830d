"""One exporter for each target of a ledger: two would charge the same server twice."""

from __future__ import annotations

import contextlib
import fcntl
import os
import zlib
from pathlib import Path

from vllm_costmeter.sources.targets.target import Target


class Claims:
    """A byte of a file beside the ledger is locked for each target, until it is released or the process ends, however
    that happens. Exporters of other targets may share the ledger."""

    def __init__(self, ledger: Path) -> None:
        self._path = Path(f"{ledger}.targets")
        self._file: int | None = None

    def claim(self, target: Target) -> bool:
        """False if another process has it. True too if no lock can be had: that a ledger cannot be written is told by
        who writes it."""
        try:
            if self._file is None:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _byte(target))
        except (BlockingIOError, PermissionError):
            return self._file is None
        except OSError:
            return True
        return True

    def release(self, target: Target) -> None:
        """Another may have it."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _byte(target))


def _byte(target: Target) -> int:
    return zlib.crc32("".join(target.key).encode())
