"""`costmeter top` in a pseudo-terminal, as a person uses it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import socket
import struct
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from http_stand_in import serving
from required_tool import required_module

ROOT = Path(__file__).parents[3]
COMMAND = "import sys; from vllm_costmeter.cli.main import main; sys.exit(main())"
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
LEFT = "\x1b[?1049l"
"""Back to the screen as it was before."""
SHOWN_CURSOR = "\x1b[?25h"
PAGE = """\
costmeter_tokens_per_second{kind="generated",model_name="MODEL",window="1m"} 500
costmeter_price_usd_per_hour{component="rental"} PRICE
costmeter_tokens_total{kind="generated",model_name="MODEL"} 1
vllm:num_requests_running{engine="0",model_name="MODEL"} 1
"""
PATIENCE_SECONDS = 60


def page(model: str, price: float) -> str:
    """A server's page."""
    return PAGE.replace("MODEL", model).replace("PRICE", str(price))


def environment() -> dict[str, str]:
    """Of a terminal. A size in it, which readline leaves behind in the process of the tests, would hold against the
    terminal's own."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "PYTHONUTF8": "1"}


class Terminal:
    """The command in a terminal of its own."""

    def __init__(self, words: tuple[str, ...], columns: int, lines: int) -> None:
        self.text = ""
        self.process, self.side = pty.fork()
        if self.process == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            command = [sys.executable, "-c", COMMAND, "top", *words]
            os.execve(sys.executable, command, environment())

    def shows(self, *parts: str) -> str:
        """The screen, drawn since the last call, once it has all of these; fails if it never does."""
        begin, deadline = len(self.text), time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            self.read()
            for drawn in reversed(self.text[begin:].split("costmeter top  ")[1:]):
                plain = SEQUENCE.sub("", drawn)
                if "q quit" in plain or "Enter keeps" in plain:
                    if all(part in plain for part in parts):
                        return plain
                    break
        pytest.fail(f"no {parts} in {SEQUENCE.sub('', self.text[begin:])[-3000:]!r}")

    @property
    def echoes(self) -> bool:
        """Whether it shows what is typed, as a shell wants it."""
        return bool(termios.tcgetattr(self.side)[3] & termios.ECHO)

    def read(self) -> bool:
        """What it has written; False once it has ended."""
        if select.select([self.side], [], [], 0.05)[0]:
            with contextlib.suppress(OSError):
                found = os.read(self.side, 1 << 16)
                self.text += found.decode(errors="replace")
                return bool(found)
            return False
        return True

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.side, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """As when a window's edge is dragged."""
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        os.kill(self.process, signal.SIGWINCH)

    def ended(self) -> int:
        """The exit code; fails if it does not end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.read():
            assert time.monotonic() < deadline, f"it runs on: {self.text[-500:]!r}"
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


@contextlib.contextmanager
def terminal(*words: str, columns: int = 140, lines: int = 20) -> Iterator[Terminal]:
    """For the length of a test."""
    required_module("rich")
    shown = Terminal((*words, "--interval", "0.3"), columns, lines)
    try:
        yield shown
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(shown.process, signal.SIGKILL)
            os.waitpid(shown.process, 0)
        os.close(shown.side)


def test_it_shows_sorts_filters_and_quits() -> None:
    """One row per server, totals, and `q`; the terminal is then as it was before."""
    with serving(page("qwen", 2)) as one, serving(page("llama", 3)) as two, terminal(one, two) as shown:
        screen = shown.shows("qwen", "llama", "2 of 2 up", "5.00", "in the order given")
        assert screen.index("qwen") < screen.index("llama")
        shown.press("ssss" + "s")
        screen = shown.shows("sorted by usd-per-hour")
        assert screen.index("llama") < screen.index("qwen")
        shown.press("r")
        screen = shown.shows("sorted by usd-per-hour, reversed")
        assert screen.index("qwen") < screen.index("llama")
        shown.press("/qw")
        screen = shown.shows("/qw_", "1 of 1 up")
        assert "llama" not in screen
        shown.press("q\x7f\r")
        shown.shows("only 'qw'")
        shown.press("/z\r")
        shown.shows("matches no server, model or state")
        shown.press("q")
        assert shown.ended() == 0
        assert shown.text.rstrip().endswith(LEFT) or SHOWN_CURSOR in shown.text.partition(LEFT)[2]
        assert LEFT in shown.text


def test_a_server_that_ends_is_down_and_one_that_starts_is_seen(tmp_path: Path) -> None:
    """Without the table ending, from a list that changes."""
    listed = tmp_path / "servers"
    with serving(page("qwen", 2)) as stays, terminal("--targets", str(listed)) as missing:
        assert missing.ended() == 2
        with serving(page("llama", 3)) as goes:
            listed.write_text(f"{stays}\n{goes}\n")
            with terminal("--targets", str(listed)) as shown:
                shown.shows("qwen", "llama", "2 of 2 up")
                listed.write_text(f"{stays}\n")
                assert "llama" not in shown.shows("1 of 1 up")
                listed.write_text(f"{goes}\n{stays}\n")
                shown.shows("llama", "2 of 2 up")
                listed.write_text(f"{stays}\n127.0.0.1:9\n")
                shown.shows("down", "refused", "1 of 2 up")


@pytest.mark.parametrize(("end", "code"), [("\x03", 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_a_clean_terminal(end: str | signal.Signals, code: int) -> None:
    """No traceback, the screen and the cursor as before, and keys are echoed again."""
    with serving(page("qwen", 2)) as url, terminal(url) as shown:
        shown.shows("qwen")
        assert not shown.echoes
        if isinstance(end, str):
            shown.press(end)
        else:
            os.kill(shown.process, end)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while LEFT not in shown.text and time.monotonic() < deadline:
            shown.read()
        assert shown.ended() == code
        assert shown.echoes
        assert "Traceback" not in shown.text


def test_a_resized_window_is_drawn_anew() -> None:
    """Narrower: fewer columns, none cut; lower: fewer rows, and the rest by scrolling."""
    pages = [page(f"model-{n:02}", n) for n in range(1, 13)]
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(serving(each)) for each in pages]
        shown = stack.enter_context(terminal(*urls))
        shown.shows("model-01", "model-12", "J/token", "12 of 12 up")
        shown.resize(80, 10)
        screen = shown.shows("1 to 6 of 12", "12 of 12 up")
        assert "J/token" not in screen
        assert "model-12" not in screen
        shown.press("G")
        screen = shown.shows("7 to 12 of 12", "model-12")
        assert "model-06" not in screen
        shown.resize(140, 30)
        shown.shows("model-01", "model-12", "J/token")


def test_a_server_that_never_answers_holds_nothing_up() -> None:
    """The others are shown, keys act, and quitting does not wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent, serving(page("qwen", 2)) as url:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with terminal(address, url, "--timeout", "3600") as shown:
            shown.shows("qwen", "waiting", "1 of 2 up")
            shown.press("s")
            shown.shows("sorted by server")
            shown.press("q")
            assert shown.ended() == 0
