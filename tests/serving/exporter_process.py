"""`costmeter exporter` in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.servers.scrape import Scrape, parse

COMMAND = (
    sys.executable,
    "-c",
    "import sys; from vllm_costmeter.cli.main import main; sys.exit(main())",
    "exporter",
)
PATIENCE_SECONDS = 60


class ExporterProcess:
    """The command in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process, self._log = process, log

    @property
    def said(self) -> str:
        return self._log.read_text()

    @property
    def url(self) -> str:
        """Where it says that its metrics are."""
        return self.until(lambda: re.search(r"metrics are on (\S+)/metrics", self.said))[1]

    def page(self) -> Scrape:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=20) as answer:
            return parse(answer.read().decode())

    def ended_by(self, number: int) -> int:
        """Its exit code after that signal."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def until(self, found):
        """What `found` returns once it is true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if result := found():
                return result
            assert self.process.poll() is None, self.said
            time.sleep(0.05)
        raise AssertionError(self.said)


@contextmanager
def exporter(folder: Path, *flags: str) -> Iterator[ExporterProcess]:
    """Started on a free port, with a ledger in `folder`; killed if it does not end by itself."""
    log = folder / "log"
    given = ("--port", "0", "--interval", "0.2", "--ledger", str(folder / "ledger.sqlite3"), *flags)
    with (
        log.open("w") as out,
        subprocess.Popen([*COMMAND, *given], stdout=out, stderr=out, text=True) as process,
    ):
        try:
            yield ExporterProcess(process, log)
        finally:
            process.kill()
