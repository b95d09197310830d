"""The share of each LoRA adapter in an engine's active cost."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.meter.exact_sum import ExactSum

MOST_ADAPTERS = 50
"""Number of distinct names: a label must be bounded, and adapters can be loaded while a server runs."""
OTHER = "other"
"""Label of all further adapters."""

NOTHING: Mapping[str, int] = {}


class AdapterSeconds:
    """Active seconds by adapter: the time between two steps is divided equally among the running requests, because vLLM
    reports how many requests of each adapter are running, not their work.

    A request that starts and ends within one step is not seen. No overhead without adapters.
    """

    __slots__ = ("_running", "_running_by_adapter", "_seconds", "_since")

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._running_by_adapter = NOTHING
        self._running = 0
        self._since = 0.0

    def step(self, now_seconds: float, running_by_adapter: Mapping[str, int], running: int) -> None:
        """A step ended and left these requests running, `running` of them in total."""
        if self._running_by_adapter:
            each = max(0.0, now_seconds - self._since) / max(self._running, 1)
            for name, count in self._running_by_adapter.items():
                self._add(name, each * count)
        self._running_by_adapter, self._running, self._since = running_by_adapter, running, now_seconds

    def seconds(self) -> dict[str, float]:
        """By adapter, up to the last step; empty until an adapter is used."""
        return dict(self._seconds)

    def _add(self, name: str, seconds: float) -> None:
        known = name in self._seconds or len(self._seconds) < MOST_ADAPTERS
        key = name if known else OTHER
        self._seconds[key] = self._seconds.get(key, 0.0) + seconds


class AdapterCosts:
    """Charges adapters their share of active cost, tick by tick: at most the active cost of the tick, so time reported
    late is charged later. The rest is the base model's."""

    __slots__ = ("_charged_seconds", "_usd")

    def __init__(self) -> None:
        self._charged_seconds: dict[str, float] = {}
        self._usd: dict[str, ExactSum] = {}

    def charge(self, active_usd: float, active_seconds: float, adapter_seconds: Mapping[str, float]) -> None:
        """`adapter_seconds` are totals so far; cost and seconds are those of the tick."""
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
