"""Prometheus's own judge of rules and queries."""

from __future__ import annotations

import subprocess
from pathlib import Path

from required_tool import required_tool


def promtool(*words: str | Path, folder: Path | None = None) -> None:
    """Run it; its output is the failure's message."""
    program = required_tool("promtool")
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
