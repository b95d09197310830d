"""Numbers and texts of a result file by their path of keys; a fault names the file and the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.errors import BadInputError

LEAST, MOST = 1e-6, 1e12
"""Outside this range a rate or a time is no measurement."""


class Fields:
    """One object of a result file."""

    def __init__(self, values: Mapping[str, Any], place: str) -> None:
        self.values = values
        self.place = place

    def find(self, path: str) -> Any:
        """What is at `path`, such as `metrics.request_totals.errored`; None if there is nothing."""
        found: Any = self.values
        for key in path.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    def rate(self, path: str) -> float:
        """A number above 0. BadInputError otherwise: a run without tokens has no cost per token."""
        value = self.find(path)
        if not _is_number(value) or not LEAST <= value <= MOST:
            shown = "nothing" if value is None else repr(value)[:40]
            why = ": the run generated no tokens" if value in (None, 0) else ""
            raise BadInputError(f"{self.place}: {path} must be a number above 0, got {shown}{why}")
        return float(value)

    def number(self, path: str) -> float | None:
        """A number; None if there is none."""
        value = self.find(path)
        return float(value) if _is_number(value) else None

    def count(self, path: str) -> int:
        """A number of things; 0 if the file does not say."""
        return round(self.number(path) or 0)

    def text(self, path: str) -> str | None:
        """A text that is not empty."""
        value = self.find(path)
        return value if isinstance(value, str) and value else None

    def within(self, path: str) -> Fields:
        """The object at `path`, or an empty one."""
        value = self.find(path)
        return Fields(value if isinstance(value, Mapping) else {}, self.place)


def _is_number(value: Any) -> bool:
    """A measured number: JSON also has true, NaN and integers that no float holds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST
