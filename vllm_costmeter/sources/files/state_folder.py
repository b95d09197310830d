"""Files of ours in a folder that others may reach: read and replaced whole, one writer at a time.

No link in the place of a file is followed, nothing of what lies there is emptied or written into, and a folder that
belongs to somebody else is not used at all: who owns it decides what a check believes. All names are looked up in the
folder that was examined, not along its path a second time. Every function raises OSError.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def opened_folder(path: Path) -> Iterator[int]:
    """A descriptor of the folder; OSError where it is not this user's (or root's), or anybody may write in it."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = os.fstat(folder)
        if found.st_uid not in (os.geteuid(), 0):
            raise _refused(f"{path} belongs to another user (id {found.st_uid})")
        if found.st_mode & stat.S_IWOTH:
            raise _refused(f"anybody may write to {path}")
        yield folder
    finally:
        os.close(folder)


@contextmanager
def locked_folder(path: Path, lock_name: str, patience_seconds: float) -> Iterator[int]:
    """As `opened_folder`, made where it is missing, with one holder at a time among all processes. OSError where
    another one does not let go."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with opened_folder(path) as folder:
        lock = os.open(
            lock_name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600, dir_fd=folder
        )
        try:
            _must_be_regular(lock, lock_name)
            _lock(lock, time.monotonic() + patience_seconds)
            yield folder
        finally:
            os.close(lock)


def read_in(folder: int, name: str, most_bytes: int) -> bytes | None:
    """A file's bytes; b"" where it is missing, None where it has more than `most_bytes`."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return b""
    try:
        _must_be_regular(descriptor, name)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(most_bytes + 1)
    finally:
        os.close(descriptor)
    return content if len(content) <= most_bytes else None


def replace_in(folder: int, name: str, content: bytes) -> None:
    """Puts a new file in the place of `name`, in one step. For the holder of the folder's lock: what an earlier holder
    left half written is taken away first."""
    fresh = f"{name}.new"
    with suppress(FileNotFoundError):
        os.unlink(fresh, dir_fd=folder)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(fresh, dir_fd=folder)
        raise


def _lock(lock: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OSError(errno.EBUSY, "it is locked by another process") from None
            time.sleep(0.02)
        else:
            return


def _must_be_regular(descriptor: int, name: str) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise _refused(f"{name} is not a regular file")


def _refused(why: str) -> OSError:
    return OSError(errno.EPERM, why)
