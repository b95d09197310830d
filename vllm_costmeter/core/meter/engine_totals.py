"""What one engine of this server has done since it started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.meter.step_counts import StepCounts

if TYPE_CHECKING:
    from vllm_costmeter.core.meter.activity import EngineEvent


@dataclass(frozen=True, slots=True)
class EngineTotals:
    """Totals of one engine (one data-parallel rank) as seen by one API process. Counts and seconds never decrease;
    `kv_cache_usage_ratio` is the current value.

    `active_seconds` is exact: the engine's own steps, not sampling, open and close intervals, and the running interval
    is included up to the snapshot. A long first step is known only at its end, so the next snapshot may revise this one
    upwards.
    """

    engine_index: int
    counts: StepCounts = field(default_factory=StepCounts)
    active_seconds: float = 0.0
    asleep_seconds: float = 0.0
    kv_cache_usage_ratio: float | None = None
    last_token_unix_seconds: float | None = None
    """Wall-clock time of the last step that produced a token; None before the first."""
    observed_monotonic_seconds: float = 0.0
    """Time of this engine's last step on the machine's monotonic clock."""
    adapter_seconds: Mapping[str, float] = field(default_factory=dict)
    """Active seconds by LoRA adapter; empty if none was used, or if several API processes each see only a part."""
    events: tuple[EngineEvent, ...] = ()
    """The latest state changes, only if several API processes each see a part of them; otherwise empty."""
