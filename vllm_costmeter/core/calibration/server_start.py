"""Memory reported by a real server at start, for use in later checks."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ServerStartKey:
    """Similar servers: later checks with the same key use each other's starts."""

    vllm_version: str
    """The release only: "0.32.0" for "0.32.0+cu130"."""
    gpu: str
    architecture: str
    tensor_parallel_size: int


@dataclass(frozen=True, slots=True)
class ServerStart:
    """One server start: memory predicted and memory used."""

    key: ServerStartKey
    flags: str
    """Model size and every flag that affects memory outside the KV cache: equal flags, equal memory."""
    predicted_used_bytes: int
    """Bytes within one GPU's budget outside the KV cache, as predicted without calibration."""
    used_bytes: int
    """The budget minus the server's KV cache."""
    on: str
    """Date, ISO 8601."""
    weights_bytes: int | None = None
    """Weights as logged by the server; None if it did not log them."""
