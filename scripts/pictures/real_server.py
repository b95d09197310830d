"""Draw a real vLLM on a CPU: `python -m scripts.pictures.real_server [FOLDER]`, about ten minutes.

It serves a tiny model with the price of a small GPU; a Prometheus scrapes it. The Cost dashboard is drawn around a
single request, and after some minutes of load, then with Fit and memory and the live page. Needs vLLM, Prometheus, node
and Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from scripts.live_page.browser import look
from scripts.panels.queries import DASHBOARDS
from scripts.pictures.chromium import Range, Shot, draw
from scripts.pictures.prometheus import scraping
from scripts.servers.tiny_model import make_tiny_model
from scripts.servers.vllm_server import Server, serving

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
MODEL, USD_PER_HOUR = "tiny-llama", "0.55"
SCRAPE_SECONDS = 5
IDLE_SECONDS, LOAD_SECONDS, TAIL_SECONDS = 40, 240, 30
CLIENTS = (1, 2, 4, 2)
"""At once, each for a part of the load."""
THEMES = ("light", "dark")


def main() -> int:
    """Exit 1 if a page complained of anything."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=Path, nargs="?", default=PICTURES, help="for the pictures")
    folder = parser.parse_args().folder
    with (
        tempfile.TemporaryDirectory() as scratch,
        _served(Path(scratch)) as server,
        scraping(server.url, SCRAPE_SECONDS, Path(scratch)) as prometheus,
    ):
        began = datetime.now(UTC)
        time.sleep(IDLE_SECONDS)
        _ask(server, 0, 96)
        time.sleep(IDLE_SECONDS + TAIL_SECONDS)
        _draw(prometheus, began, folder / "one_request", ("cost",))
        began = datetime.now(UTC)
        time.sleep(TAIL_SECONDS)
        _load(server)
        time.sleep(TAIL_SECONDS)
        complaints = _look(server, folder / "page")
        _draw(prometheus, began, folder / "load", ("cost", "fit"))
    print(*complaints, sep="\n", file=sys.stderr)
    return int(bool(complaints))


@contextlib.contextmanager
def _served(scratch: Path) -> Iterator[Server]:
    flags = ("--plugin", "costmeter", "--gpu-hourly-usd", USD_PER_HOUR, "--served-model-name", MODEL)
    own = {"XDG_STATE_HOME": str(scratch / "state")}  # what this start teaches stays here
    with serving(make_tiny_model(scratch / "model"), *flags, log=scratch / "server.log", env=own) as server:
        yield server


def _load(server: Server) -> None:
    for clients in CLIENTS:
        until = time.monotonic() + LOAD_SECONDS / len(CLIENTS)

        def ask(client: int, until: float = until) -> None:
            number = 0
            while time.monotonic() < until:
                number += 1
                _ask(server, client + number % 8, 48)

        with ThreadPoolExecutor(clients) as running:
            list(running.map(ask, range(clients)))


def _ask(server: Server, number: int, tokens: int) -> None:
    body = {"model": MODEL, "prompt": f"{number} " * 40, "max_tokens": tokens, "ignore_eos": True}
    headers = {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"{server.url}/v1/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(asked, timeout=120) as answer:
        answer.read()


def _draw(prometheus: str, began: datetime, folder: Path, names: tuple[str, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shots = [
        Shot(DASHBOARDS / f"costmeter-{name}.json", theme, 1280, folder / f"{name}-{theme}.png")
        for name in names
        for theme in THEMES
    ]
    draw(prometheus, Range(began, datetime.now(UTC), SCRAPE_SECONDS), shots)


def _look(server: Server, folder: Path) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    seen = look(
        [
            {
                "url": f"{server.url}/costmeter",
                "theme": theme,
                "width": 1280,
                "steps": [{"wait": 3000}],
                "picture": str((folder / f"real-{theme}.png").resolve()),
                "axe": True,
            }
            for theme in THEMES
        ]
    )
    return [line for found in seen for line in (*found["complaints"], *found["axe"])]


if __name__ == "__main__":
    sys.exit(main())
