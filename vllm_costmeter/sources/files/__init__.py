"""Files of this user and this package: settings, calibration, Grafana."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def home(environ: Mapping[str, str]) -> Path:
    """$HOME, otherwise the user's passwd entry; / for a user without either (such as a numeric user in a container),
    for whom nothing is stored."""
    try:
        return Path(environ.get("HOME") or "~").expanduser()
    except RuntimeError:
        return Path("/")
