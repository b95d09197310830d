"""Pages in a headless Chromium: what they draw, ask for and complain of."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.pictures.chromium import BROWSERS, DrawingFailedError, program

HERE = Path(__file__).resolve().parent


def look(looks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """See look.mjs for what is asked and answered. DrawingFailedError if a program is missing or fails."""
    node, browser = program("node"), program(*BROWSERS)
    install(program("npm"))
    asked = json.dumps({"chromium": browser, "looks": list(looks)})
    done = subprocess.run(
        [node, str(HERE / "look.mjs")], input=asked, text=True, check=False, capture_output=True
    )
    if done.returncode:
        raise DrawingFailedError(done.stderr[-1500:])
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def install(npm: str) -> None:
    """The packages of the lock file, unless they are there already; about 25 MB."""
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DrawingFailedError(
            f"npm could not install what the page is looked at with: {done.stderr[-500:]}"
        )
