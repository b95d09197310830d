"""What of an engine's active money went to each LoRA adapter."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.meter.exact_sum import ExactSum

MOST_ADAPTERS = 50
"""Names that are told apart; a label must be bounded, and adapters can be loaded while a server runs."""
OTHER = "other"
"""Stands for the adapters beyond that."""

NOTHING: Mapping[str, int] = {}


class AdapterSeconds:
    """Active seconds by adapter, from the steps: between two steps the time belongs to the requests that ran, in equal
    parts, because vLLM tells how many requests of each adapter run and not what each of them did.

    A request that begins and ends within one step is not seen. Costs nothing where no adapter runs.
    """

    __slots__ = ("_running", "_running_by_adapter", "_seconds", "_since")

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._running_by_adapter = NOTHING
        self._running = 0
        self._since = 0.0

    def step(self, now_seconds: float, running_by_adapter: Mapping[str, int], running: int) -> None:
        """A step ended and left these requests running, `running` of them in all."""
        if self._running_by_adapter:
            each = max(0.0, now_seconds - self._since) / max(self._running, 1)
            for name, count in self._running_by_adapter.items():
                self._add(name, each * count)
        self._running_by_adapter, self._running, self._since = running_by_adapter, running, now_seconds

    def seconds(self) -> dict[str, float]:
        """By adapter, up to the last step; empty as long as none was used."""
        return dict(self._seconds)

    def _add(self, name: str, seconds: float) -> None:
        known = name in self._seconds or len(self._seconds) < MOST_ADAPTERS
        key = name if known else OTHER
        self._seconds[key] = self._seconds.get(key, 0.0) + seconds


class AdapterCosts:
    """Charges adapters with their part of the active money, tick by tick: at most what the tick holds, and what a step
    reports late is caught up. What no adapter is charged with is the base model's."""

    __slots__ = ("_charged_seconds", "_usd")

    def __init__(self) -> None:
        self._charged_seconds: dict[str, float] = {}
        self._usd: dict[str, ExactSum] = {}

    def charge(self, active_usd: float, active_seconds: float, adapter_seconds: Mapping[str, float]) -> None:
        """`adapter_seconds` are totals so far; the money and seconds are those of the tick."""
        if not adapter_seconds or active_seconds <= 0:
            return
        due = {
            name: max(0.0, seconds - self._charged_seconds.get(name, 0.0))
            for name, seconds in adapter_seconds.items()
        }
        fits = min(1.0, active_seconds / (sum(due.values()) or 1.0))
        for name, seconds in due.items():
            self._usd.setdefault(name, ExactSum()).add(active_usd * seconds * fits / active_seconds)
            self._charged_seconds[name] = adapter_seconds[name] - seconds * (1 - fits)

    def usd(self) -> dict[str, float]:
        """By adapter, since the start."""
        return {name: total.value for name, total in self._usd.items()}
