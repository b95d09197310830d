"""What `costmeter recommend` prints, before it is put in words."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.serving.deployment import Deployment
from vllm_costmeter.core.serving.recommend import Miss, Wanted
from vllm_costmeter.core.serving.trace import Trace


@dataclass(frozen=True, slots=True)
class PricedRow:
    """One row of the table."""

    deployment: Deployment
    usd_per_month: Fraction
    price_words: str
    price: Mapping[str, Any]
    """For JSON."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Everything that is printed."""

    wanted: Wanted
    trace: Trace | None
    hours: Fraction
    rows: tuple[PricedRow, ...]
    misses: tuple[Miss, ...]
    why: str
    """Why no engine starts; empty if one does."""
    notes: tuple[str, ...] = ()
