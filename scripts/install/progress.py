"""Run one slow step with its output in a log, a live line on the terminal, and the log's end where it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LINES_SHOWN_ON_FAILURE = 15
SECONDS_BETWEEN_LINES = 15  # where the output is a pipe, a line now and then says that it is alive


class StepFailedError(Exception):
    """A step ended with a non-zero status; `output` is what it had written."""

    def __init__(self, title: str, output: str, log: Path) -> None:
        self.output = output
        self.log = log
        tail = "\n".join(f"    {line}" for line in output.strip().splitlines()[-LINES_SHOWN_ON_FAILURE:])
        super().__init__(f"{title} failed; the last lines of {log}:\n{tail}")


class Ticker:
    """One line that says what is running and for how long."""

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.title = title
        self.clock = clock
        self.started_seconds = clock()
        self.live = sys.stdout.isatty()
        self.next_line_seconds = SECONDS_BETWEEN_LINES
        if not self.live:
            print(f"  {title} ...", flush=True)

    def tick(self) -> None:
        """Refresh the line (a terminal) or write one when it is due (a pipe)."""
        elapsed_seconds = self.clock() - self.started_seconds
        if self.live:
            print(f"\r\033[K  {self.title} ... {elapsed_seconds:.0f} s", end="", flush=True)
        elif elapsed_seconds >= self.next_line_seconds:
            self.next_line_seconds += SECONDS_BETWEEN_LINES
            print(f"  {self.title} ... {elapsed_seconds:.0f} s", flush=True)

    def done(self, ending: str = "done") -> None:
        """Close the line."""
        start = "\r\033[K" if self.live else ""
        print(f"{start}  {self.title}: {ending} in {self.clock() - self.started_seconds:.0f} s", flush=True)


def run_step(
    title: str, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None
) -> None:
    """Run `command`, append its output to `log`; raises StepFailedError, and ends the child when interrupted."""
    ticker = Ticker(title)
    with log.open("ab") as output:
        output.write(f"\n$ {' '.join(str(part) for part in command)}\n".encode())
        output.flush()
        start_bytes = output.tell()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            start_new_session=True,
            close_fds=False,  # the caller's lock, where it is inheritable, is held as long as the command runs
        )
        try:
            while child.poll() is None:
                ticker.tick()
                time.sleep(0.25)
        except BaseException:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
            ticker.done("interrupted")
            raise
    if child.returncode:
        ticker.done("failed")
        with log.open("rb") as written:
            written.seek(start_bytes)
            raise StepFailedError(title, written.read().decode(errors="replace"), log)
    ticker.done()
