"""Numbers and texts of a result file by their path of keys; a fault names the file and the key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.errors import BadInputError


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
        if not _is_number(value) or value <= 0:
            shown = "nothing" if value is None else repr(value)[:40]
            raise BadInputError(
                f"{self.place}: {path} must be a number above 0, got {shown}: the run generated no tokens"
            )
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
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
