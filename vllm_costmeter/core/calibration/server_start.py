"""What one real server reported after it had started, as the fit check can use it."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ServerStartKey:
    """Servers that resemble each other: later checks on the same key learn from each other's boots."""

    vllm_version: str
    """Its release alone: "0.32.0" for "0.32.0+cu130"."""
    gpu: str
    architecture: str
    tensor_parallel_size: int


@dataclass(frozen=True, slots=True)
class ServerStart:
    """One start: what the rules foresaw, and what it was."""

    key: ServerStartKey
    flags: str
    """Model size and every flag that changes memory beside the KV cache: equal flags have equal memory."""
    predicted_used_bytes: int
    """All that the rules, without any calibration, put beside the KV cache within the budget of one GPU."""
    used_bytes: int
    """Budget less the pool that the server had."""
    on: str
    """Date, ISO 8601."""
    weights_bytes: int | None = None
    """As the server logged them, where it did."""
