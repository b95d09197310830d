"""Log messages about the meter's sources: why one is down, and impossible readings; each once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from vllm_costmeter.core.gpu.bounds import QUANTITIES, LeftOut
from vllm_costmeter.core.gpu.reading import GpuReadings
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts

QUIET_SECONDS = 600.0
"""Minimum time between messages for the same reason, however often a source changes or its driver's message does."""
WITHOUT_ENERGY = {
    "not_measured": "the driver no longer reports energy or power of a GPU: its electricity and carbon are not charged "
    "until it does; what its energy counter counts until then is charged later",
    "no_rated_power": "the driver reports neither energy nor power of a GPU, and its rated power is unknown (set "
    "--costmeter-gpu to a GPU in the catalogue): its electricity and carbon are not charged",
}


class SourceLog:
    """Logs each change once. The number of messages is bounded by the reasons, quantities and GPUs, and by time."""

    def __init__(
        self,
        errors: ErrorCounts,
        tell: Callable[[str], None],
        monotonic_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._errors = errors
        self._tell = tell
        self._monotonic_seconds = monotonic_seconds
        self._said: dict[str, tuple[str | None, str | None]] = {}
        self._quiet_until: dict[tuple[str, str | None], float] = {}
        self._left_out: set[tuple[str, str]] = set()
        errors.expect(map(_place, QUANTITIES))

    def left_out(self, gpu: str, what: LeftOut) -> None:
        """Count an impossible reading, and log it once per GPU and quantity. Callable from any thread."""
        self._errors.add(_place(what.quantity))
        if (gpu, what.quantity) not in self._left_out:
            self._left_out.add((gpu, what.quantity))
            self._tell(f"GPU {gpu}: {what.why}; discarded and counted, now and whenever it recurs")

    def follow(self, sources: Mapping[str, str | None], gpus: GpuReadings) -> None:
        """Log why a source went down, or that it is back. Called after each tick with the reasons; None: it is up."""
        for source, reason in sources.items():
            if reason != "not_read_yet":
                self._follow(source, reason, _line(source, reason, gpus))

    def _follow(self, source: str, reason: str | None, line: str | None) -> None:
        said_reason, said_line = self._said.get(
            source, (None, line)
        )  # a source that is up from the start is not logged
        if (reason, line) == (said_reason, said_line):
            return
        now = self._monotonic_seconds()
        if now < self._quiet_until.get((source, reason), now):
            return
        self._said[source] = (reason, line)
        self._quiet_until[source, reason] = now + QUIET_SECONDS
        if line is not None:
            self._tell(line)


def _place(quantity: str) -> str:
    return f"gpu_{quantity}"


def _line(source: str, reason: str | None, gpus: GpuReadings) -> str | None:
    """None for a price: a missing one is logged where the price is chosen."""
    match source:
        case "nvml" | "amdsmi" | "dcgm" if reason is None:
            return "all GPUs of this server can be read again"
        case "nvml" | "amdsmi" | "dcgm":
            which = "not every" if gpus.gpus else "no"
            return f"{which} GPU of this server can be read: {gpus.error or 'reading the driver failed'}"
        case "engine" if reason is None:
            return "vLLM's statistics can be read again"
        case "engine":
            return "vLLM's statistics cannot be read: until then, time is charged as idle and no tokens are counted"
        case "energy":
            return WITHOUT_ENERGY[reason] if reason else "the energy of every GPU is charged again"
    return None
