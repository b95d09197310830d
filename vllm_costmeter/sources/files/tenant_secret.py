"""The secret that names of tenants are hashed with: one for all servers that share a ledger's folder, kept there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

FILE = "tenant-secret"
BYTES = 32


def tenant_secret(folders: Iterable[Path]) -> bytes | None:
    """From the first folder that has or can keep one; None if none can. Never replaces one."""
    for folder in folders:
        with suppress(OSError, ValueError):
            return _kept_in(folder)
    return None


def _kept_in(folder: Path) -> bytes:
    """Raises OSError or ValueError."""
    path = folder / FILE
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = folder / f".{FILE}.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(BYTES))
            with suppress(FileExistsError):
                os.link(fresh, path)  # unlike a rename, it leaves another process's in place
        finally:
            fresh.unlink(missing_ok=True)
    return kept_secret(folder)


def kept_secret(folder: Path) -> bytes:
    """The secret that is kept in a folder. Raises OSError, or ValueError if the file holds none."""
    path = folder / FILE
    with path.open("rb") as kept:
        found = bytes.fromhex(kept.read(4 * BYTES).decode().strip())
    if len(found) < BYTES:
        raise ValueError(f"{path} holds no secret")
    return found
