"""A server put to sleep through vLLM's own endpoints."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import client

from scripts.servers.vllm_server import Server


@dataclass
class Sleep:
    """How long it slept, known once it is over: from answer to request at least, from request to answer at most."""

    least_seconds: float = 0.0
    most_seconds: float = 0.0


@contextlib.contextmanager
def asleep(server: Server, level: int) -> Iterator[Sleep]:
    """Asleep within, awake after."""
    slept, asked = Sleep(), time.monotonic()
    client.post(f"{server.url}/sleep", params={"level": level}, timeout=60).raise_for_status()
    answered = time.monotonic()
    yield slept
    slept.least_seconds = time.monotonic() - answered
    client.post(f"{server.url}/wake_up", timeout=60).raise_for_status()
    slept.most_seconds = time.monotonic() - asked
