"""Keys as they are pressed, from a terminal that neither shows them nor waits for Enter, and is put back at the end."""

from __future__ import annotations

import os
import select
import sys
import time
from types import TracebackType

NAMES = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1bOH": "home",
    "\x1b[1~": "home",
    "\x1b[F": "end",
    "\x1bOF": "end",
    "\x1b[4~": "end",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x1b": "escape",
}
END = "end of input"
LONGEST_SEQUENCE = max(map(len, NAMES))


class Keyboard:
    """The standard input; without a terminal there are no keys."""

    def __init__(self) -> None:
        self._descriptor: int | None = None

    def __enter__(self) -> Keyboard:
        try:
            import termios
            import tty
        except ImportError:  # not on Windows
            return self
        if sys.stdin is not None and sys.stdin.isatty():
            self._descriptor = sys.stdin.fileno()
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            import termios

            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def pressed(self, within_seconds: float) -> list[str]:
        """The names of the keys pressed, waiting that long for the first; `end of input` where the terminal is gone."""
        if self._descriptor is None:
            time.sleep(within_seconds)
            return []
        ready, _, _ = select.select([self._descriptor], [], [], within_seconds)
        if not ready:
            return []
        try:
            found = os.read(self._descriptor, 256)
        except OSError:
            found = b""
        return keys_in(found.decode(errors="ignore")) if found else [END]


def keys_in(text: str) -> list[str]:
    """The keys in what a terminal sent; sequences that are not known are left out whole."""
    keys = []
    while text:
        sequence = next((s for s in sorted(NAMES, key=len, reverse=True) if text.startswith(s)), None)
        if sequence == "\x1b" and len(text) > 1 and text[1] in "[O":
            end = next((i for i, c in enumerate(text[2:], 2) if "@" <= c <= "~"), len(text) - 1)
            text = text[end + 1 :]
        elif sequence is not None:
            keys.append(NAMES[sequence])
            text = text[len(sequence) :]
        else:
            keys.append(text[0])
            text = text[1:]
    return keys
