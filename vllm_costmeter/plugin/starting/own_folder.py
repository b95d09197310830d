"""Our folders in the temporary directory: each is removed with the process that created it, even if it was killed.

The next process that creates a folder removes what a killed one left. Whether its creator is alive is determined by a
lock on a file in it, which the kernel releases when the last process that has it is gone: process ids are reused, and
differ between containers that share this directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from pathlib import Path

PREFIX = "costmeter-"
ALIVE_FILE = "costmeter.alive"

_NAME = re.compile(rf"{PREFIX}[a-z0-9_]{{8}}")


class OwnFolder:
    """An empty folder at `path`, accessible to this user only."""

    def __init__(self) -> None:
        """Remove what killed processes left. Raises OSError if no folder can be created."""
        with contextlib.suppress(OSError):
            sweep(Path(tempfile.gettempdir()))
        self._maker_pid = os.getpid()
        self._lock: int | None = None
        unnamed = Path(
            tempfile.mkdtemp(prefix=f".{PREFIX}")
        )  # a sweep finds it under its name, when it is locked
        try:
            self._lock = _locked(unnamed / ALIVE_FILE)
            self.path = unnamed.rename(unnamed.with_name(unnamed.name.removeprefix(".")))
        except OSError:
            self._unlock()
            shutil.rmtree(unnamed, ignore_errors=True)
            raise

    def remove(self) -> None:
        """Remove it with all its content, except in a forked child of the creator, which inherits this object."""
        if os.getpid() == self._maker_pid:
            shutil.rmtree(self.path, ignore_errors=True)
            self._unlock()

    def _unlock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


def sweep(parent: Path) -> None:
    """Remove from `parent` the folders whose processes ended without doing so. Only what is certainly ours and unused:
    with our name, not a link, owned by this user, with a lock that no process has."""
    for path in parent.iterdir():
        if _NAME.fullmatch(path.name):
            with contextlib.suppress(OSError):  # alive, another's, or gone meanwhile
                _remove_dead(path)


def _locked(file: Path) -> int | None:
    """A descriptor with the new file's lock; None on a file system without locks, where there is no such file and the
    folder is never swept."""
    lock = os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        file.unlink()
        return None
    return lock


def _remove_dead(path: Path) -> None:
    """Raises OSError if it must not be touched."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        lock = os.open(ALIVE_FILE, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(folder).st_uid == os.geteuid():
                shutil.rmtree(path)  # follows no link, at `path` or below
        finally:
            os.close(lock)
    finally:
        os.close(folder)
