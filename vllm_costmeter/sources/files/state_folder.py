"""Our files in a folder that others may access: read and replaced as a whole, one writer at a time.

Links in place of a file are not followed, existing files are never truncated or written to, and a folder owned by
somebody else is not used at all, because its owner would control the results of checks. All names are looked up in the
opened folder, not by its path again. Every function raises OSError.
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
    """A descriptor of the folder. Raises OSError if it is not this user's (or root's), or anybody may write to it."""
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
    """As `opened_folder`, created if missing, and locked against all other processes. Raises OSError if another process
    does not release it."""
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
    """A file's bytes; b"" if it is missing, None if it has more than `most_bytes`."""
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
    """Replace `name` with a new file atomically. Requires the folder's lock: an incomplete file of an earlier process
    is removed first."""
    fresh = f"{name}.new"
    with suppress(FileNotFoundError):
        os.unlink(fresh, dir_fd=folder)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # so that a power cut leaves the old file or the new one
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
