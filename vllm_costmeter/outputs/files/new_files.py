"""Files written all or none, and never over others unless asked."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError

NAMED_AT_MOST = 3


def write_new_files(folder: Path, texts: Mapping[str, str], *, force: bool = False) -> None:
    """Writes every text under its path in `folder`, which is made where it is missing.

    Raises BadInputError before anything is written when one is there already (unless `force`), and when the folder
    cannot be written.
    """
    existing = [name for name in texts if os.path.lexists(folder / name)]
    if existing and not force:
        named = ", ".join(existing[:NAMED_AT_MOST])
        more = len(existing) - NAMED_AT_MOST
        named += f" and {more} more" if more > 0 else ""
        raise BadInputError(f"{folder} already has {named}: nothing was written; --force overwrites")
    paths = {folder / name: text for name, text in texts.items()}
    try:
        for parent in {path.parent: None for path in paths}:
            parent.mkdir(parents=True, exist_ok=True)
        for path in paths:
            _must_be_writable(path)
        for path, text in paths.items():
            path.write_text(text, "utf-8")
    except OSError as error:
        raise BadInputError(
            f"cannot write {error.filename or folder}: {error.strerror}; name another folder"
        ) from None


def must_be_new(path: Path, *, force: bool = False) -> None:
    """BadInputError, before anything is done, if a file of that name could not be written or is there already (unless
    `force`)."""
    if os.path.lexists(path) and not force:
        raise BadInputError(f"{path} is there already: nothing was written; --force overwrites")
    try:
        _must_be_writable(path)
    except OSError as error:
        raise BadInputError(f"cannot write {path}: {error.strerror}; name another file") from None


def write_new_file(path: Path, content: bytes, *, force: bool = False) -> None:
    """All of it or nothing. Raises as `must_be_new` does."""
    must_be_new(path, force=force)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        raise BadInputError(f"cannot write {path}: {error.strerror}; name another file") from None
    finally:
        fresh.unlink(missing_ok=True)


def _must_be_writable(path: Path) -> None:
    """OSError where writing it would fail."""
    if path.is_dir():
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not path.parent.is_dir():
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))
