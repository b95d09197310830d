"""Whether a tenant's next request is refused: one look into memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from vllm_costmeter.core.budgets.refusal import LONGEST_RETRY_SECONDS, Refusal
from vllm_costmeter.core.budgets.state import BudgetState
from vllm_costmeter.core.tenants.names import UNTAGGED

STALE_AFTER_SECONDS = 300.0
"""Figures that are older refuse nobody: a failure of the meter never blocks a request."""


class _Closed(NamedTuple):
    """For whom the gate is closed."""

    until_unix_seconds: dict[str, float]
    """By tenant, the end of its period."""
    as_of_seconds: float
    """On the monotonic clock."""


class BudgetGate:
    """Asked on vLLM's event loop, told by another thread: what is told replaces the whole at once.

    Open at first, when what it was told is old, when the period is over, and on any error.
    """

    def __init__(
        self,
        *,
        unix_seconds: Callable[[], float] = time.time,
        monotonic_seconds: Callable[[], float] = time.monotonic,
        on_fault: Callable[[], None] = lambda: None,
    ) -> None:
        self._unix_seconds = unix_seconds
        self._monotonic_seconds = monotonic_seconds
        self._on_fault = on_fault
        self._closed = _Closed({}, 0.0)
        self._budgeted: frozenset[str] = frozenset()
        self._refused: dict[str, int] = {}

    def tell(self, states: Iterable[BudgetState], as_of_seconds: float) -> None:
        """The states of all budgets, from totals read at this moment of the monotonic clock."""
        states = list(states)
        self._budgeted = frozenset(state.budget.tenant for state in states)
        spent = {state.budget.tenant: state.period.end for state in states if state.is_spent}
        self._closed = _Closed(spent, as_of_seconds)

    def budgeted(self) -> frozenset[str]:
        """The tenants that have a budget."""
        return self._budgeted

    def refused(self) -> Mapping[str, int]:
        """Requests refused so far, by tenant; those with a budget begin at 0, so that the first refusal is a rise."""
        return dict.fromkeys(self._budgeted, 0) | self._refused

    def refusal(self, tenant: str) -> Refusal | None:
        """Why a request of this tenant (normalised name; empty for none) is not served, which is counted; None if it
        is. Never raises."""
        try:
            closed = self._closed
            name = tenant or UNTAGGED
            until = closed.until_unix_seconds.get(name)
            if until is None or self._monotonic_seconds() - closed.as_of_seconds > STALE_AFTER_SECONDS:
                return None
            left = until - self._unix_seconds()
            if left <= 0:
                return None
            self._refused[name] = self._refused.get(name, 0) + 1
            return Refusal(until, min(math.ceil(left), LONGEST_RETRY_SECONDS))
        except Exception:  # noqa: BLE001 (a request is served, whatever fails here)
            self._on_fault()
            return None
