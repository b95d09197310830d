"""The folder in which the processes of one server leave what they found at boot for the one that charges.

The first process makes it, its children inherit the name, and it goes when that process ends.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import MutableMapping
from pathlib import Path

from vllm_costmeter.plugin.activation import BOOT_FOLDER
from vllm_costmeter.plugin.starting.own_folder import OwnFolder

CHECKED_FILE = "checked.pickle"
"""The folder has mode 0700 and was made by this server's own first process: nobody else writes what is unpickled."""


def open_folder(environ: MutableMapping[str, str] = os.environ) -> Path:
    """This server's folder, made where there is none yet. OSError where it cannot be."""
    if BOOT_FOLDER not in environ:
        own = OwnFolder()
        environ[BOOT_FOLDER] = str(own.path)
        atexit.register(own.remove)
    return Path(environ[BOOT_FOLDER])


def write_file(file: Path, content: bytes) -> None:
    """All of it or nothing: a reader in another process never finds half a file. OSError where it cannot be written."""
    temporary = file.with_suffix(".tmp")
    temporary.write_bytes(content)
    temporary.replace(file)
