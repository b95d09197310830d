"""A document as a picture or as paper: drawn by a Chromium without a window, which is started for it.

The document is a file of its own with everything in it; the browser is given no network to fetch from.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
PLAYWRIGHT = (".cache/ms-playwright", "Library/Caches/ms-playwright")
"""Where `playwright install chromium` puts one, below the home folder."""
PLAYWRIGHT_PROGRAMS = (
    "chrome",
    "headless_shell",
    "chrome-headless-shell",
    "Chromium.app/Contents/MacOS/Chromium",
)
WIDTH, LEAST_HEIGHT, MOST_HEIGHT = 1280, 400, 16_000
LONGEST_SECONDS = 120.0
SETTLED_MS = 5_000
"""Of the browser's own time, which runs as fast as the page has nothing to do."""

MEASURE = """<script>setTimeout(() => document.documentElement.setAttribute("data-height",
document.documentElement.scrollHeight), 2000)</script>"""


def browser(which: Callable[[str], str | None] = shutil.which, home: Path | None = None) -> str:
    """The program. BadInputError, with what to install, if there is none."""
    for name in NAMES:
        if found := which(name):
            return found
    for folder in PLAYWRIGHT:
        for program in PLAYWRIGHT_PROGRAMS:
            if there := sorted((home or _home()).glob(f"{folder}/chromium*-*/*/{program}")):
                return str(there[-1])
    raise BadInputError(
        "a picture needs a Chromium, and neither that nor Chrome or Edge is on the PATH: install the package "
        "chromium, or `pip install playwright && playwright install chromium`; a name that ends in .html needs none"
    )


def _home() -> Path:
    """A user without one, as in a container, has no browser there."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")


def drawn(html: str, suffix: str, program: str) -> bytes:
    """The document as `.png`, whole, or as `.pdf`. BadInputError if the browser does not draw it."""
    with tempfile.TemporaryDirectory(prefix="costmeter-page-") as name:
        folder = Path(name)
        page, picture = folder / "page.html", folder / f"page{suffix}"
        page.write_text(html, "utf-8")
        if suffix == ".pdf":
            how = ["--no-pdf-header-footer", f"--print-to-pdf={picture}"]
        else:
            how = [f"--window-size={WIDTH},{_height(html, folder, program)}", f"--screenshot={picture}"]
        said = _run(program, [*how, page.as_uri()], folder)
        if not picture.exists():
            raise BadInputError(f"{program} drew nothing: {_last_line(said)}")
        return picture.read_bytes()


def _height(html: str, folder: Path, program: str) -> int:
    """Of the whole page in pixels, as the browser lays it out."""
    measured = folder / "measured.html"
    measured.write_text(html.replace("Content-Security-Policy", "none", 1) + MEASURE, "utf-8")
    said = _run(program, [f"--window-size={WIDTH},{LEAST_HEIGHT}", "--dump-dom", measured.as_uri()], folder)
    found = re.search(r'<html[^>]* data-height="(\d+)"', said)
    if found is None:
        raise BadInputError(f"{program} did not lay out the page: {_last_line(said)}")
    return min(MOST_HEIGHT, max(LEAST_HEIGHT, int(found[1])))


def _run(program: str, words: Sequence[str], folder: Path) -> str:
    """What it printed."""
    command = [
        program,
        "--headless",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium has none for root; the page is ours
        "--disable-gpu",
        "--hide-scrollbars",
        "--no-first-run",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'profile'}",
        f"--virtual-time-budget={SETTLED_MS}",
        *words,
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=LONGEST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise BadInputError(f"{program} did not draw the page within {LONGEST_SECONDS:g} s") from None
    except OSError as why:
        raise BadInputError(f"{program} cannot be started: {why.strerror or why}") from None
    return done.stdout if done.stdout.strip() else done.stderr


def _last_line(said: str) -> str:
    lines = said.strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"
