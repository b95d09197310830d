"""What one engine of this server has done since it started."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineTotals:
    """Totals of one engine (one data-parallel rank) as one API-server process saw them. All fields only grow,
    except `running_requests`, `asleep` and `kv_cache_usage_ratio`, which are the present state.

    `active_seconds` is exact: intervals are opened and closed by the engine's own steps, not by sampling, and
    include the running interval up to the moment of the snapshot.
    """

    engine_index: int
    prompt_computed_tokens: int = 0
    prompt_cached_tokens: int = 0
    generated_tokens: int = 0
    finished_requests: int = 0
    steps: int = 0
    active_seconds: float = 0.0
    asleep_seconds: float = 0.0
    running_requests: int = 0
    asleep: bool = False
    kv_cache_usage_ratio: float | None = None
    last_token_unix_seconds: float | None = None
    """Wall-clock time of the last step that produced a token; None before the first."""
    decode_context_tokens: int = 0
    """Sum over decode steps of the KV tokens read (each running sequence's context length), estimated by the
    engine hook; with `generated_tokens` it gives the mean context of a decode."""
    observed_monotonic_seconds: float = 0.0
    """When this engine last reported a step, on the machine's monotonic clock."""
