"""At most two servers are alive at once, in both lanes of a run together: a start waits for a free slot."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

SLOTS = ("slot-0", "slot-1")
PATIENCE_SECONDS = 1800.0


class ServerSlots:
    """The slots of one run, as locked files in a folder: whatever ends a lane, the kernel frees its slots."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._holds = False
        self._reserved = 0

    @contextlib.contextmanager
    def both(self) -> Iterator[None]:
        """Within, this lane starts two servers without waiting. Both slots are taken at once: two lanes that each held
        one and wanted another would wait for ever."""
        with self._locked(len(SLOTS)):
            self._reserved = len(SLOTS)
            try:
                yield
            finally:
                self._reserved = 0

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """For one server; of those that `both` reserved where it did."""
        if not self._reserved:
            with self._locked(1):
                yield
            return
        self._reserved -= 1
        try:
            yield
        finally:
            self._reserved += 1

    @contextlib.contextmanager
    def _locked(self, number: int) -> Iterator[None]:
        assert not self._holds, "tests that need two servers at once ask for the fixture both_slots first"
        held: dict[str, IO[str]] = {}
        with contextlib.ExitStack() as files:
            with (self.folder / "turn").open("w") as turn:
                fcntl.flock(turn, fcntl.LOCK_EX)  # so that who needs both is not overtaken by who needs one
                deadline = time.monotonic() + PATIENCE_SECONDS
                while len(held) < number:
                    for name in SLOTS:
                        if name not in held and len(held) < number and (file := self._try(name)):
                            held[name] = files.enter_context(file)
                    assert time.monotonic() < deadline, "no slot for a server came free"
                    time.sleep(0.1)
            self._holds = True
            try:
                yield
            finally:
                self._holds = False

    def _try(self, name: str) -> IO[str] | None:
        """The slot's file, locked; None where somebody else has it."""
        file = (self.folder / name).open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file
