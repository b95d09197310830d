"""The thread that writes what a server spends into its ledger, so that no disk ever delays the meter."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from vllm_costmeter.core.ledger.pending import Pending
from vllm_costmeter.core.ledger.rows import NO_INTERVAL, Interval, Series
from vllm_costmeter.outputs.ledger.file import LedgerFile, NotOursError, is_damage, set_aside

WRITE_EVERY_SECONDS = 5.0
ROLL_UP_EVERY_SECONDS = 3600.0
QUIET_SECONDS = 600.0
"""A disk that fails and recovers again and again has one line for each in this time."""
STALE_SECONDS = 60.0
"""A ledger that has not been written for this long is down, whatever its thread waits for."""


class LedgerKeeper:
    """`note` takes totals on the sampler's thread and returns at once; the rest happens on a thread of its own.

    What cannot be written stays in memory and is written later, once; a damaged file is set aside, and a new one is
    begun. `tell` gets one line for each new problem and for its end.
    """

    def __init__(
        self,
        path: Path,
        series: Series,
        tell: Callable[[str], None],
        *,
        unix_seconds: Callable[[], float] = time.time,
        write_every_seconds: float = WRITE_EVERY_SECONDS,
    ) -> None:
        self.path = path
        self.series = series
        self._tell = tell
        self._unix_seconds = unix_seconds
        self._write_every_seconds = write_every_seconds
        self._lock = threading.Lock()
        self._pending = Pending()
        self._written: Interval | None = NO_INTERVAL
        self._file: LedgerFile | None = None
        self._problem: str | None = None
        self._next_roll_up = 0.0
        self._told = False
        self._quiet_until = 0.0
        self._alive_seconds = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="costmeter-ledger", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def note(self, totals: Interval) -> None:
        """The server's totals now."""
        with self._lock:
            self._pending.note(self._unix_seconds(), totals)

    @property
    def written(self) -> Interval | None:
        """The server's totals that are in the file, another object after each write; None during one."""
        return self._written

    @property
    def problem(self) -> str | None:
        """The keyword for why nothing is being written; None while it is."""
        if self._problem is None and time.monotonic() - self._alive_seconds > STALE_SECONDS:
            return "slow"
        return self._problem

    def stop(self, timeout_seconds: float = 3.0) -> None:
        """Write the rest and close the file."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._stopping.wait(self._write_every_seconds):
            self.write()
        self.write()
        self._close()

    def write(self) -> None:
        """Write what is pending; never raises. Called by the keeper's thread."""
        with self._lock:
            taken, totals = self._pending.take(), self._pending.totals
        written, self._written = self._written, None
        try:
            file = self._opened()
            if taken:
                file.add(self.series, taken)
                taken = {}
            self._written = written = totals
            if time.monotonic() >= self._next_roll_up:
                file.roll_up(self._unix_seconds())
                self._next_roll_up = time.monotonic() + ROLL_UP_EVERY_SECONDS
        except Exception as why:  # noqa: BLE001 (whatever a file system does, the meter goes on)
            with self._lock:
                self._pending.put_back(taken)
            self._close()
            self._report(_keyword(why), str(why))
            if is_damage(why):
                self._set_aside()
        else:
            self._report(None, "")
        self._written = written
        self._alive_seconds = time.monotonic()

    def _opened(self) -> LedgerFile:
        if self._file is not None and not self.path.exists():
            self._close()  # its folder was cleared: an open file that nobody can find keeps nothing
        if self._file is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = LedgerFile(self.path)
        return self._file

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except sqlite3.Error as why:
                self._report(_keyword(why), str(why))

    def _set_aside(self) -> None:
        try:
            aside = set_aside(self.path)
        except OSError as why:
            self._report("damaged", f"{self.path} is damaged and cannot be renamed: {why.strerror}")
        else:
            self._tell(
                f"the ledger {self.path} is damaged; it was renamed {aside.name}, and a new one is begun"
            )

    def _report(self, keyword: str | None, line: str) -> None:
        if keyword == self._problem:
            return
        self._problem = keyword
        if keyword is not None and time.monotonic() < self._quiet_until:
            return
        if keyword is None and not self._told:
            return
        self._told = keyword is not None
        self._quiet_until = time.monotonic() + QUIET_SECONDS
        if keyword is None:
            self._tell(f"the ledger {self.path} is written again; nothing was lost meanwhile")
        else:
            self._tell(
                f"the ledger {self.path} cannot be written now ({line}); costs are kept in memory until it can"
            )


def _keyword(why: Exception) -> str:
    if isinstance(why, NotOursError):
        return "not_ours"
    text = str(why)
    if "locked" in text:
        return "locked"
    if "full" in text or getattr(why, "errno", None) == 28:
        return "disk_full"
    if "readonly" in text or "read-only" in text.lower() or isinstance(why, PermissionError):
        return "read_only"
    return "damaged" if is_damage(why) else "unwritable"
