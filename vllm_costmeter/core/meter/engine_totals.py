"""What one engine of this server has done since it started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vllm_costmeter.core.meter.activity import EngineEvent


@dataclass(frozen=True, slots=True)
class EngineTotals:
    """Totals of one engine (one data-parallel rank) as one API-server process saw them. All fields only grow,
    except `running_requests`, `asleep` and `kv_cache_usage_ratio`, which are the present state, and `events`.

    `active_seconds` is exact: intervals are opened and closed by the engine's own steps, not by sampling, and
    include the running interval up to the moment of the snapshot. A long first step is known only at its end, so a
    snapshot may be revised upwards by the next one.
    """

    engine_index: int
    prompt_computed_tokens: int = 0
    prompt_cached_tokens: int = 0
    generated_tokens: int = 0
    prefilled_requests: int = 0
    """Sequences whose first token came; that token is prefill's work, so decode made generated - prefilled."""
    finished_requests: int = 0
    steps: int = 0
    """Engine steps reported to this process; each step is reported to exactly one."""
    decode_steps: int = 0
    """Steps in which at least one sequence produced a token that was not its first."""
    decode_context_tokens: int = 0
    """Sum over decode steps of the KV cache tokens in use: what those steps read."""
    prefill_step_flops: int = 0
    """vLLM's own estimate for the steps that decoded nothing, per card; 0, as the next three, where it tells none."""
    prefill_step_bytes: int = 0
    decode_step_flops: int = 0
    """The same for the steps that decoded, whatever else they did."""
    decode_step_bytes: int = 0
    rejected_draft_tokens: int = 0
    """Of speculative decoding: worked on, and not generated."""
    active_seconds: float = 0.0
    asleep_seconds: float = 0.0
    running_requests: int = 0
    asleep: bool = False
    kv_cache_usage_ratio: float | None = None
    last_token_unix_seconds: float | None = None
    """Wall-clock time of the last step that produced a token; None before the first."""
    observed_monotonic_seconds: float = 0.0
    """When this engine last reported a step, on the machine's monotonic clock."""
    adapter_seconds: Mapping[str, float] = field(default_factory=dict)
    """Active seconds by LoRA adapter; empty where none was used, or where several API processes each see a part."""
    events: tuple[EngineEvent, ...] = ()
    """The latest state changes, only where several API processes each see a part of them; else empty."""
