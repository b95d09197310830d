"""What one engine of this server has done since it started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vllm_costmeter.core.meter.step_counts import StepCounts

if TYPE_CHECKING:
    from vllm_costmeter.core.meter.activity import EngineEvent


@dataclass(frozen=True, slots=True)
class EngineTotals:
    """Totals of one engine (one data-parallel rank) as one API-server process saw them. Counts and seconds only grow;
    `kv_cache_usage_ratio` is the present state.

    `active_seconds` is exact: intervals are opened and closed by the engine's own steps, not by sampling, and
    include the running interval up to the moment of the snapshot. A long first step is known only at its end, so a
    snapshot may be revised upwards by the next one.
    """

    engine_index: int
    counts: StepCounts = field(default_factory=StepCounts)
    active_seconds: float = 0.0
    asleep_seconds: float = 0.0
    kv_cache_usage_ratio: float | None = None
    last_token_unix_seconds: float | None = None
    """Wall-clock time of the last step that produced a token; None before the first."""
    observed_monotonic_seconds: float = 0.0
    """When this engine last reported a step, on the machine's monotonic clock."""
    adapter_seconds: Mapping[str, float] = field(default_factory=dict)
    """Active seconds by LoRA adapter; empty where none was used, or where several API processes each see a part."""
    events: tuple[EngineEvent, ...] = ()
    """The latest state changes, only where several API processes each see a part of them; else empty."""
