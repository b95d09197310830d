"""The bill by state and component, whose parts always add up."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from vllm_costmeter.core.meter.exact_sum import ExactSum
from vllm_costmeter.core.meter.reading import STATES, State
from vllm_costmeter.core.pricing.ownership import Component


class StateSeconds(NamedTuple):
    """How one engine spent an interval; the parts add up to its length."""

    active: float
    idle: float
    asleep: float

    @property
    def total(self) -> float:
        return self.active + self.idle + self.asleep


def split_by_state(usd: float, seconds: StateSeconds) -> dict[State, float]:
    """`usd` in proportion to the seconds; idle is the remainder, so that nothing is lost to rounding.

    An interval of zero length is idle.
    """
    if seconds.total <= 0:
        return {"active": 0.0, "idle": usd, "asleep": 0.0}
    active = usd * (seconds.active / seconds.total)
    asleep = min(usd * (seconds.asleep / seconds.total), usd - active)
    return {"active": active, "idle": max(0.0, usd - active - asleep), "asleep": asleep}


class StateBill:
    """Dollars by state and component, and GPU seconds by state."""

    __slots__ = ("_gpu_seconds", "_usd")

    def __init__(self) -> None:
        self._usd: defaultdict[tuple[State, Component], ExactSum] = defaultdict(ExactSum)
        self._gpu_seconds: dict[State, ExactSum] = {state: ExactSum() for state in STATES}

    def charge(self, component: Component, usd: float, seconds: StateSeconds) -> float:
        """Add `usd` to the states of the interval, and return the active part."""
        by_state = split_by_state(usd, seconds)
        for state, part in by_state.items():
            self._usd[state, component].add(part)
        return by_state["active"]

    def spend(self, gpus: int, seconds: StateSeconds) -> None:
        """Add the GPU seconds of an engine on `gpus` GPUs."""
        for state in STATES:
            self._gpu_seconds[state].add(gpus * getattr(seconds, state))

    def cost_usd(self) -> dict[tuple[State, Component], float]:
        """By state and component; a charged component has all states."""
        return {key: total.value for key, total in self._usd.items()}

    def gpu_seconds(self) -> dict[State, float]:
        return {state: total.value for state, total in self._gpu_seconds.items()}

    def total_usd(self, state: State | None = None) -> float:
        """The total, or the total of one state."""
        return sum(total.value for key, total in self._usd.items() if state is None or key[0] == state)
