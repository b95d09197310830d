"""What the reader has chosen to see, and what a key changes of it."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.fleet.order import KEYS

QUIT = ("q", "Q", "end of input")
BY_ARROW = {"up": -1, "down": 1, "k": -1, "j": 1}


@dataclass(frozen=True, slots=True)
class View:
    """Order, filter and position."""

    sort: str
    backwards: bool = False
    text: str = ""
    """Only servers, models or states that contain it."""
    is_typing: bool = False
    """Whether keys go into the text."""
    first: int = 0
    """The first row on the screen."""

    def after(self, key: str, rows: int, visible: int) -> View:
        """After a key was pressed, with so many rows of which so many have room."""
        if self.is_typing:
            return self._typed(key)
        last = max(0, rows - visible)
        match key:
            case "s" | "S":
                step = 1 if key == "s" else -1
                return replace(self, sort=KEYS[(KEYS.index(self.sort) + step) % len(KEYS)], first=0)
            case "r":
                return replace(self, backwards=not self.backwards, first=0)
            case "/":
                return replace(self, is_typing=True, first=0)
            case "escape":
                return replace(self, text="", first=0)
            case "up" | "down" | "j" | "k":
                return replace(self, first=min(last, max(0, self.first + BY_ARROW[key])))
            case "page up" | "page down":
                step = visible if key == "page down" else -visible
                return replace(self, first=min(last, max(0, self.first + step)))
            case "home" | "g":
                return replace(self, first=0)
            case "end" | "G":
                return replace(self, first=last)
        return self

    def _typed(self, key: str) -> View:
        match key:
            case "enter":
                return replace(self, is_typing=False)
            case "escape":
                return replace(self, is_typing=False, text="")
            case "backspace":
                return replace(self, text=self.text[:-1])
        return replace(self, text=self.text + key) if len(key) == 1 and key.isprintable() else self
