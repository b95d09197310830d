"""What the log says of the meter's sources: why one is down, and what one said that cannot be; each once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from vllm_costmeter.core.gpu.bounds import QUANTITIES, LeftOut
from vllm_costmeter.core.gpu.reading import GpuReadings
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts

QUIET_SECONDS = 600.0
"""Of one reason no more is said sooner, however often a source comes and goes or its driver words it anew."""
WITHOUT_ENERGY = {
    "not_measured": "the driver tells neither energy nor power of a GPU that it told them of: its electricity and "
    "carbon are not charged until it does, and then what its counter has counted meanwhile",
    "no_rated_power": "a GPU tells neither energy nor power, and its rated power is not known (--costmeter-gpu names "
    "a GPU of the catalogue): its electricity and carbon are not charged",
}


class SourceLog:
    """Remembers what it said. What it says is bounded by the number of reasons, quantities and GPUs, and by time."""

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
        """Counts a figure of the driver that cannot be, and says so once for each GPU and quantity. Any thread."""
        self._errors.add(_place(what.quantity))
        if (gpu, what.quantity) not in self._left_out:
            self._left_out.add((gpu, what.quantity))
            self._tell(f"GPU {gpu}: {what.why}; left out and counted, now and whenever it comes again")

    def follow(self, sources: Mapping[str, str | None], gpus: GpuReadings) -> None:
        """Says why a source went down or that it is back. Called after each tick with the reasons; None: it is up."""
        for source, reason in sources.items():
            if reason != "not_read_yet":
                self._follow(source, reason, _line(source, reason, gpus))

    def _follow(self, source: str, reason: str | None, line: str | None) -> None:
        said_reason, said_line = self._said.get(
            source, (None, line)
        )  # that it is up from the start is not said
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
    """None for a price: that there is none is said where it is chosen."""
    match source:
        case "nvml" if reason is None:
            return "every GPU of this server is read again"
        case "nvml":
            which = "not every" if gpus.gpus else "no"
            return f"{which} GPU of this server is read: {gpus.error or 'reading the driver failed'}"
        case "engine" if reason is None:
            return "vLLM's statistics are read again"
        case "engine":
            return "vLLM's statistics cannot be read: until they can, time is charged as idle and no token is counted"
        case "energy":
            return WITHOUT_ENERGY[reason] if reason else "the energy of every GPU is charged again"
    return None
