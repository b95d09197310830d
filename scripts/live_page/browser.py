"""Pages in a headless Chromium: what they draw, ask for and complain of."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.pictures.chromium import BROWSERS, DrawingFailedError, install, program

HERE = Path(__file__).resolve().parent


def look(looks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """See look.mjs for what is asked and answered. DrawingFailedError if a program is missing or fails."""
    node, browser = program("node"), program(*BROWSERS)
    install(HERE, program("npm"))
    asked = json.dumps({"chromium": browser, "looks": list(looks)})
    done = subprocess.run(
        [node, str(HERE / "look.mjs")], input=asked, text=True, check=False, capture_output=True
    )
    if done.returncode:
        raise DrawingFailedError(done.stderr[-1500:])
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
