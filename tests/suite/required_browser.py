"""What a test in a real browser needs."""

from __future__ import annotations

from pathlib import Path

from required_tool import missing, required_tool

from scripts.pictures.chromium import DrawingFailedError, install


def required_browser(packages: Path) -> None:
    """Node, Chromium, and the packages of the lock file in a folder."""
    required_tool("node")
    required_tool("chromium")
    try:
        install(packages, required_tool("npm"))
    except DrawingFailedError as failure:
        missing(str(failure))
