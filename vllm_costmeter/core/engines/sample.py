"""What one engine's /metrics page says at one moment."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass

COUNTED = (
    "prompt_tokens",
    "cached_tokens",
    "generated_tokens",
    "finished_requests",
    "aborted_requests",
    "failed_requests",
)
"""The fields that only grow in one process."""


@dataclass(frozen=True, slots=True)
class EngineCounts:
    """One data-parallel engine of a server. None: not on the page."""

    index: int = 0
    prompt_tokens: float | None = None
    """As the engine counts them: `Engine.prompt_includes_cached` tells what they are."""
    cached_tokens: float | None = None
    generated_tokens: float | None = None
    finished_requests: float | None = None
    aborted_requests: float | None = None
    failed_requests: float | None = None
    running_requests: float | None = None
    waiting_requests: float | None = None
    kv_cache_usage_ratio: float | None = None
    asleep: bool | None = None


@dataclass(frozen=True, slots=True)
class EngineSample:
    """One page."""

    engine: str
    """Its key."""
    engines: tuple[EngineCounts, ...]
    model_name: str | None = None
    """None if the page names none."""
    process: str | None = None
    """Identifies the engine's process; None if nothing on the page does."""
    started_unix_seconds: float | None = None
    """When that process started, by its machine's clock; None if the page does not tell."""
    kv_capacity_tokens: int | None = None
    """Of all its engines together."""
    has_plugin: bool = False
    """Whether the page has our own metrics too."""
