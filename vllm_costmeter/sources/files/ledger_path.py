"""Where a server's ledger is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.files import home

OFF = "off"


def default_ledger(environ: Mapping[str, str] = os.environ) -> Path:
    """$XDG_STATE_HOME/vllm-costmeter/ledger.sqlite3, with ~/.local/state by default."""
    root = environ.get("XDG_STATE_HOME")
    folder = Path(root) if root else home(environ) / ".local" / "state"
    return folder / "vllm-costmeter" / "ledger.sqlite3"


def check_ledger(given: str | None) -> None:
    """Raises BadInputError for a path at which no ledger can be: a folder, or one below a file or a folder that cannot
    be written. The default path is not checked: without it a server keeps no ledger, and says so."""
    if given in (None, OFF):
        return
    path = Path(str(given)).expanduser()
    if path.is_dir():
        raise BadInputError(
            f"--costmeter-ledger {given} is a folder: name a file in it, such as {path}/ledger.sqlite3"
        )
    if path.exists() and not path.is_file():
        raise BadInputError(f"--costmeter-ledger {given} is not a regular file; name another")
    why = unwritable(path)
    if why is not None:
        raise BadInputError(f"--costmeter-ledger {given} cannot be written: {why}; name another file, or off")


def unwritable(path: Path) -> str | None:
    """Why a file cannot be created or written at `path`; None if it can. Creates nothing."""
    if path.exists():
        return None if os.access(path, os.R_OK | os.W_OK) else f"{path} is read-only"
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder} is not a folder"
    return None if os.access(folder, os.W_OK | os.X_OK) else f"{folder} is read-only"
