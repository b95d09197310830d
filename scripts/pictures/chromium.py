"""Grafana's components in a headless Chromium: installed with npm, asked for pictures of dashboards."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class DrawingFailedError(Exception):
    """A program is missing, or a page complained; one line says what."""


@dataclass(frozen=True)
class Range:
    """What of the Prometheus is seen, and how often it scraped."""

    start: datetime
    end: datetime
    scrape_seconds: int


@dataclass(frozen=True)
class Shot:
    """One picture: a dashboard's file, `light` or `dark`, pixels, and where it goes."""

    dashboard: Path
    theme: str
    width: int
    picture: Path


def draw(url: str, seen: Range, shots: Sequence[Shot]) -> None:
    """Draw them from the Prometheus at `url`. DrawingFailedError if anything is missing or was complained of."""
    node, browser = program("node"), program(*BROWSERS)
    install(HERE, program("npm"))
    asked = {
        "url": url.rstrip("/"),
        "scrapeSeconds": seen.scrape_seconds,
        "from": seen.start.isoformat(),
        "to": seen.end.isoformat(),
        "chromium": browser,
        "shots": [
            {
                "dashboard": str(shot.dashboard.resolve()),
                "mode": shot.theme,
                "width": shot.width,
                "picture": str(shot.picture.resolve()),
            }
            for shot in shots
        ],
    }
    command = [node, str(HERE / "draw.mjs")]
    if subprocess.run(command, input=json.dumps(asked), text=True, check=False).returncode:
        raise DrawingFailedError("not every panel was drawn without a complaint: see above")


def install(packages: Path, npm: str) -> None:
    """The packages of the folder's lock file, unless they are there already (Grafana's components: 650 MB)."""
    lock, installed = packages / "package-lock.json", packages / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=packages, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DrawingFailedError(f"npm could not install the packages of {lock}: {done.stderr[-500:]}")


def program(*names: str) -> str:
    """The first of these programs that is on the PATH."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise DrawingFailedError(f"{' or '.join(names)} is not on the PATH")
