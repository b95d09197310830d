"""The loop of the live table: read what is due, draw what has changed, do what a key says."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

from vllm_costmeter.cli.top.keyboard import Keyboard
from vllm_costmeter.cli.top.view import QUIT, View
from vllm_costmeter.core.fleet.order import ORDER, matching, ordered
from vllm_costmeter.core.fleet.reading import ServerRow
from vllm_costmeter.outputs.top.screen import Screen
from vllm_costmeter.sources.servers.polling import Poller

LOOK_EVERY_SECONDS = 0.2
TERMINATED = 143
KEYS = "q quit  s/S sort  r reverse  / filter  Esc all  arrows, PgUp, PgDn scroll"
TYPING = "type a part of a server, model or state; Enter keeps it, Esc shows all"


def watch(
    poller: Poller,
    screen: Screen,
    view: View,
    *,
    servers: Callable[[], Sequence[str]],
    heading: Callable[[], str],
) -> None:
    """Until `q`. However it ends, the terminal is as it was."""
    before = signal.signal(signal.SIGTERM, _terminated)
    at_interrupt = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # scripts start programs that ignore it
    try:
        with screen.open(), Keyboard() as keyboard:
            drawn: object = None
            while True:
                poller.watch(servers())
                poller.step()
                rows = chosen(poller.rows(), view)
                now = (poller.changes, view, screen.size, heading())
                if now != drawn:
                    first = min(view.first, max(0, len(rows) - screen.visible))
                    screen.draw(rows, first, _heading(heading(), view, rows, first, screen), _keys(view))
                    drawn = now
                for key in keyboard.pressed(LOOK_EVERY_SECONDS):
                    if key in QUIT and (key == QUIT[-1] or not view.is_typing):
                        return
                    view = view.after(key, len(rows), screen.visible)
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, at_interrupt)
        poller.stop()


def chosen(rows: Sequence[ServerRow], view: View) -> list[ServerRow]:
    """Filtered and in order."""
    return ordered(matching(rows, view.text), view.sort, view.backwards)


def _heading(text: str, view: View, rows: Sequence[ServerRow], first: int, screen: Screen) -> str:
    order = "in the order given" if view.sort == ORDER else f"sorted by {view.sort}"
    order += ", reversed" if view.backwards else ""
    last = min(len(rows), first + screen.visible)
    where = f"{first + 1} to {last} of {len(rows)}" if len(rows) > screen.visible else ""
    only = f"only {view.text!r}" if view.text and not view.is_typing else ""
    none = "" if rows or not view.text else "matches no server, model or state"
    return "  ".join(part for part in ("costmeter top", text, only, none, where, order) if part)


def _keys(view: View) -> str:
    return f"/{view.text}_  {TYPING}" if view.is_typing else KEYS


def _terminated(number: int, frame: FrameType | None) -> None:
    sys.exit(TERMINATED)
