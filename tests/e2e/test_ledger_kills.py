"""A real server that is killed again and again: its ledger keeps what was spent, and nothing twice."""

from __future__ import annotations

import random
import signal
import threading
import time
from pathlib import Path

import client
import httpx
import pytest
from harness import METERED, USD_PER_HOUR, Serve

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.sources.ledger.read import opened_ledger

pytestmark = pytest.mark.heavy

KILLS = 20
LOSS_SECONDS = 10.0
"""What a kill may cost, by the ledger's promise."""


class Driver:
    """Requests until the server dies, and what it may have generated for them."""

    def __init__(self, server: Server) -> None:
        self.asked_tokens = 0
        self._server = server
        self._threads = [threading.Thread(target=self._ask, args=(n,), daemon=True) for n in range(3)]

    def begin(self) -> None:
        """Ask at once and without a pause."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Wait until the server's end has reached every request."""
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        while True:
            self.asked_tokens += 50  # before it is sent: never fewer than were served
            try:
                client.complete(self._server.url, f"prompt {number}", max_tokens=50, ignore_eos=True)
            except httpx.HTTPError:
                return


def spent(path: Path) -> Usage:
    """Everything in a ledger."""
    if not path.exists():
        return Usage()
    with opened_ledger(path) as ledger:
        return sum((row.usage for row in ledger.usage(0, 1e12)), Usage())


def test_kill_9_loses_ten_seconds_at_most_and_doubles_nothing(serve: Serve, tmp_path: Path) -> None:
    """Killed at random moments under load and started again on the same ledger: dollars are between the time it was
    known to serve, less ten seconds per kill, and the time its process lived; tokens are between those that it showed
    ten seconds before each kill and those that were asked for."""
    path = tmp_path / "ledger.sqlite3"
    moments = random.Random(15)
    served_seconds = lived_seconds = 0.0
    shown_tokens = asked_tokens = 0
    for _ in range(KILLS):
        begun = time.monotonic()
        with serve(*METERED, "--costmeter-ledger", str(path)) as server:
            ready = time.monotonic()
            driver = Driver(server)
            driver.begin()
            time.sleep(moments.uniform(0.0, 3.0))
            shown = int(scrape(server.url).total("vllm:generation_tokens_total"))
            pause = moments.choice((0.0, 0.0, 0.5, 2.0, LOSS_SECONDS))
            time.sleep(pause)
            server.process.send_signal(signal.SIGKILL)
            killed = time.monotonic()
            driver.end()
        served_seconds += max(0.0, killed - ready - LOSS_SECONDS)
        lived_seconds += killed - begun
        shown_tokens += shown if pause >= LOSS_SECONDS else 0
        asked_tokens += driver.asked_tokens
        found = spent(path)
        assert served_seconds <= found.usd() * 3600 / USD_PER_HOUR <= lived_seconds
        assert shown_tokens <= found.generated_tokens <= asked_tokens
    assert spent(path).usd() > 0
