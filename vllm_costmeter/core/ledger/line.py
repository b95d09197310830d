"""One line of a report."""

from __future__ import annotations

from typing import NamedTuple

from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.core.meter.shares.share import Share


class Line(NamedTuple):
    """What a group does not divide is None."""

    keys: tuple[str, ...]
    usd: float
    usage: Usage | None = None
    gpu_seconds: float | None = None
    joules: float | None = None
    share: Share | None = None
    idle_usd: float = 0.0
    """The part of `usd` that is idle and asleep time."""
