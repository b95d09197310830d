"""How long a server that was off or asleep takes to serve again."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class ReturnTimes(NamedTuple):
    """Seconds, of one model; None where unknown."""

    start: float | None
    level_1: float | None
    level_2: float | None
    known_from: Mapping[str, str] = MappingProxyType({})
    """By name of the field: where it is known from, or that it is not."""
