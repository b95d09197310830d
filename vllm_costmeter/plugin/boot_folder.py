"""The folder in which the processes of one server leave what they found at boot for the one that charges.

The first process makes it, its children inherit the name, and it goes when that process ends. What a killed server
left behind is removed by the next one. Whether a server still lives is told by a lock on a file in its folder, which
the kernel frees when the last process that holds it is gone: ids of processes are used again, and mean something
else in every container that shares this temporary directory.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from vllm_costmeter.plugin.activation import BOOT_FOLDER

CHECKED_FILE = "checked.pickle"
"""The folder has mode 0700 and was made by this server's own first process: nobody else writes what is unpickled."""
ALIVE_FILE = "alive"
PREFIX = "costmeter-"

_FOLDER_NAME = re.compile(rf"{PREFIX}[a-z0-9_]{{8}}")
_FILE_NAME = re.compile(rf"checked\.(pickle|tmp)|[0-9]+\.(json|tmp)|{ALIVE_FILE}")


def open_folder(environ: MutableMapping[str, str] = os.environ) -> Path:
    """This server's folder, made where there is none yet. OSError where it cannot be."""
    if BOOT_FOLDER not in environ:
        with contextlib.suppress(OSError):
            sweep(Path(tempfile.gettempdir()))
        folder = _make()
        environ[BOOT_FOLDER] = str(folder)
        atexit.register(_remove, folder, os.getpid())
    return Path(environ[BOOT_FOLDER])


def write_file(file: Path, content: bytes) -> None:
    """All of it or nothing: a reader in another process never finds half a file. OSError where it cannot be written."""
    temporary = file.with_suffix(".tmp")
    temporary.write_bytes(content)
    temporary.replace(file)


def sweep(parent: Path) -> None:
    """Remove from `parent` the folders of servers that ended without doing so. Only what is certainly ours and dead:
    named as ours, this user's own, no link, nothing in it but our files, and its lock held by nobody."""
    for path in parent.iterdir():
        if _FOLDER_NAME.fullmatch(path.name):
            with contextlib.suppress(OSError):  # alive, another user's, or gone meanwhile
                _remove_dead(path)


def _make() -> Path:
    """A folder with its lock held; it gets its name, by which a sweep finds it, only then."""
    unnamed = Path(tempfile.mkdtemp(prefix=f".{PREFIX}"))
    try:
        lock = os.open(
            unnamed / ALIVE_FILE, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600
        )  # open until this process ends
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (
            OSError
        ):  # a file system without locks: the folder then looks like nobody's, and no sweep takes it
            os.close(lock)
            (unnamed / ALIVE_FILE).unlink()
        return unnamed.rename(unnamed.with_name(unnamed.name.removeprefix(".")))
    except OSError:
        shutil.rmtree(unnamed, ignore_errors=True)
        raise


def _remove_dead(path: Path) -> None:
    """OSError where there is anything that should not be touched."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        lock = os.open(ALIVE_FILE, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries]
            if os.fstat(folder).st_uid == os.geteuid() and all(map(_FILE_NAME.fullmatch, names)):
                for name in sorted(
                    names, key=ALIVE_FILE.__eq__
                ):  # the lock last: a sweep cut short is taken up again
                    os.unlink(name, dir_fd=folder)
                path.rmdir()
        finally:
            os.close(lock)
    finally:
        os.close(folder)


def _remove(folder: Path, maker_pid: int) -> None:
    if os.getpid() == maker_pid:  # a forked child inherits what is to be done at the end
        shutil.rmtree(folder, ignore_errors=True)
