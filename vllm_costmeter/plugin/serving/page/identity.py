"""What all API processes of one server share, so that a page may ask any of them: its id and its beginning."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from vllm_costmeter.plugin.activation import BOOT_FOLDER

FILE = "page"


def identity(environ: Mapping[str, str] = os.environ) -> tuple[str, float]:
    """The server's id and, on the machine's monotonic clock, when its first API process asked for it."""
    own = (secrets.token_hex(6), time.monotonic())
    folder = environ.get(BOOT_FOLDER)
    if not folder:
        return own
    file, written = Path(folder) / FILE, Path(folder) / f"{FILE}.{own[0]}"
    try:
        written.write_text(f"{own[0]} {own[1]!r}")
        try:
            file.hardlink_to(written)  # whole, and only for the first of several processes
        except FileExistsError:
            pass
        finally:
            written.unlink()
        name, began = file.read_text().split()
        return name, float(began)
    except (OSError, ValueError):
        return own
