"""How far the budgets have got, second by second, without waiting for a disk or a network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from vllm_costmeter.core.budgets.budget import Budget
from vllm_costmeter.core.budgets.periods import Period
from vllm_costmeter.core.budgets.state import BudgetState, Spent, current_period, state_of
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.rows import Interval
from vllm_costmeter.metering.budget_gate import BudgetGate

READ_EVERY_SECONDS = 30.0
"""How old a change of the budgets, and what other servers spent, may be."""
BUSY_SHARE = 0.05
"""Reading takes at most this part of the time: a large ledger is read less often."""
MOST_LOOKS, LOOK_AGAIN_SECONDS = 20, 0.1
QUIET_SECONDS = 600.0

Dollars = Mapping[str, float]
"""By tenant, since this server's start."""
Periods = Mapping[Budget, Period]


class BudgetSource(NamedTuple):
    """Where budgets and totals come from. Both functions may be slow, and raise whatever they want."""

    budgets: Callable[[], Sequence[Budget]]
    spent: Callable[[Periods, float], Mapping[str, Spent]]
    """Of all servers, by tenant, at a moment in Unix time."""
    written: Callable[[], Interval | None] | None
    """What this server has put into the totals, another object after each write; the call gives None during one. None
    if its own dollars are not added to the totals (of a Prometheus)."""


class _Read(NamedTuple):
    """Totals as of a moment."""

    at_seconds: float
    """On the monotonic clock, before it began."""
    periods: Periods
    spent: Mapping[str, Spent]
    written: Dollars | None


class BudgetKeeper:
    """Totals are read on a thread of its own; `states` adds on the sampler's thread what this server spent since.

    While they cannot be read, the last ones stand, `staleness_seconds` grows, and past `STALE_AFTER_SECONDS` the gate
    opens. `tell` gets one line for a new problem and for its end.
    """

    def __init__(
        self,
        source: BudgetSource,
        gate: BudgetGate,
        tell: Callable[[str], None],
        *,
        on_fault: Callable[[], None] = lambda: None,
        unix_seconds: Callable[[], float] = time.time,
        monotonic_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._gate = gate
        self._tell = tell
        self._on_fault = on_fault
        self._unix_seconds = unix_seconds
        self._monotonic_seconds = monotonic_seconds
        self._lock = threading.Lock()
        self._last: _Read | None = None
        self._turns: dict[str, tuple[Period, float]] = {}
        """By tenant: the period, and this server's dollars when it began."""
        self._own: Dollars = {}
        self._problem: str | None = None
        self._told = False
        self._quiet_until = 0.0
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="costmeter-budgets", daemon=True)

    def start(self) -> None:
        """Begin to read; the first totals are there a moment later."""
        self._thread.start()

    @property
    def staleness_seconds(self) -> float | None:
        """The age of the totals; None before the first, and while there are no budgets."""
        last = self._last
        return self._monotonic_seconds() - last.at_seconds if last is not None and last.periods else None

    def states(self, own: Dollars) -> list[BudgetState]:
        """Now, with this server's dollars so far; the gate is told. Reads memory only."""
        self._own = own
        with self._lock:
            last, now = self._last, self._unix_seconds()
            if last is None:
                return []
            found = [self._state(budget, period, last, now) for budget, period in last.periods.items()]
            self._gate.tell(found, last.at_seconds)
            return found

    def read(self) -> None:
        """Read budgets and totals; never raises. Called by the keeper's thread."""
        try:
            self._report(self._problem_of_reading())
        except Exception:  # noqa: BLE001 (counted; the thread lives)
            self._on_fault()

    def _problem_of_reading(self) -> str | None:
        try:
            found = self._read()
            with self._lock:
                self._last = found
                names = {budget.tenant for budget in found.periods}
                self._turns = {tenant: turn for tenant, turn in self._turns.items() if tenant in names}
            self.states(self._own)
        except Exception as why:  # noqa: BLE001 (whatever a disk or a network does, the meter goes on)
            return str(why) if isinstance(why, ValueError) else f"{type(why).__name__}: {why}"
        return None

    def _read(self) -> _Read:
        began, now = self._monotonic_seconds(), self._unix_seconds()
        periods = {budget: current_period(budget, now) for budget in self._source.budgets()}
        if not periods:
            return _Read(began, {}, {}, None)
        look = self._source.written
        if look is None:
            return _Read(began, periods, self._source.spent(periods, now), None)
        for _ in range(
            MOST_LOOKS
        ):  # until nothing is written meanwhile: then no dollar counts twice or not at all
            before = look()
            if before is not None:
                spent = self._source.spent(periods, now)
                if look() is before:
                    return _Read(began, periods, spent, _of_tenants(before))
            time.sleep(LOOK_AGAIN_SECONDS)
        raise BadInputError("the ledger is being written all the time")

    def _state(self, budget: Budget, period: Period, last: _Read, now: float) -> BudgetState:
        spent, tenant = last.spent.get(budget.tenant, Spent(0.0, 0.0)), budget.tenant
        own = self._own.get(tenant, 0.0)
        if (
            now >= period.end
        ):  # the turn: nothing is spent of the new period but by this server, until it is read
            period, spent = current_period(budget, now), Spent(0.0, spent.recently)
        known, at_turn = self._turns.get(tenant, (period, 0.0))
        if period != known:
            at_turn = own if period.start == known.end else 0.0
            self._wake.set()
        self._turns[tenant] = (period, at_turn)
        unwritten = 0.0
        if last.written is not None:
            unwritten = max(own - max(last.written.get(tenant, 0.0), at_turn), 0.0)
        return state_of(budget, period, Spent(spent.in_period + unwritten, spent.recently + unwritten), now)

    def _run(self) -> None:
        while True:
            began = time.monotonic()
            self.read()
            took = time.monotonic() - began
            self._wake.wait(max(READ_EVERY_SECONDS, took / BUSY_SHARE))
            self._wake.clear()

    def _report(self, problem: str | None) -> None:
        if problem == self._problem:
            return
        self._problem = problem
        if problem is None:
            if self._told:
                self._told = False
                self._tell("budgets can be read again")
        elif time.monotonic() >= self._quiet_until:
            self._told, self._quiet_until = True, time.monotonic() + QUIET_SECONDS
            self._tell(
                f"budgets cannot be read now ({' '.join(problem.split())[:400]}); nobody is refused once the last "
                "figures are five minutes old"
            )


def _of_tenants(totals: Interval) -> Dollars:
    return {name: share.usd for (kind, name), share in totals.shares.items() if kind == "tenant"}
