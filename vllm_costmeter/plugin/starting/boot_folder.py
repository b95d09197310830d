"""The folder through which the processes of one server pass start-up data to the one that charges.

The first process creates it, its children inherit the name, and it is removed when that process ends.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import MutableMapping
from pathlib import Path

from vllm_costmeter.plugin.activation import BOOT_FOLDER
from vllm_costmeter.plugin.starting.own_folder import OwnFolder

CHECKED_FILE = "checked.pickle"
"""The folder has mode 0700 and was created by this server's first process: nobody else writes what is unpickled."""


def open_folder(environ: MutableMapping[str, str] = os.environ) -> Path:
    """This server's folder, created if it does not exist. Raises OSError if it cannot be created."""
    if BOOT_FOLDER not in environ:
        own = OwnFolder()
        environ[BOOT_FOLDER] = str(own.path)
        atexit.register(own.remove)
    return Path(environ[BOOT_FOLDER])


def write_file(file: Path, content: bytes) -> None:
    """Write atomically: a reader in another process never sees an incomplete file. Raises OSError on failure."""
    temporary = file.with_suffix(".tmp")
    temporary.write_bytes(content)
    temporary.replace(file)
