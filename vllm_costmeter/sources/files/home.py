"""Whose machine this is: the folder of its user's files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def home(environ: Mapping[str, str]) -> Path:
    """$HOME, else the user's entry; / for a user without either (a container's numbered one), who keeps nothing."""
    try:
        return Path(environ.get("HOME") or "~").expanduser()
    except RuntimeError:
        return Path("/")
