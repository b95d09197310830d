"""The budgets of a running server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vllm_costmeter.core.budgets.state import Spent
from vllm_costmeter.core.meter import MeterReading
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.metering.budget_keeper import BudgetKeeper, BudgetSource, Periods
from vllm_costmeter.metering.ledger_keeper import LedgerKeeper
from vllm_costmeter.outputs.metrics.budget_families import budget_families, refused_family
from vllm_costmeter.outputs.metrics.exposition import Family
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.desk import RequestDesk
from vllm_costmeter.sources.budgets.file import budgets_file, read_budgets
from vllm_costmeter.sources.budgets.spent import ledgers_beside, spent_in_ledgers, spent_in_prometheus
from vllm_costmeter.sources.files.ledger_path import OFF, default_ledger

log = logging.getLogger("vllm.costmeter")

Publish = Callable[[Sequence[Family]], None]


class ServingBudgets:
    """One per API process. Its thread reads the budgets of the ledger's folder; the desk's gate is told."""

    def __init__(self, settings: Settings, desk: RequestDesk, ledger: LedgerKeeper | None = None) -> None:
        """`ledger`: the one this process writes; None if another process does, or none is kept."""
        FAULTS.expect(("budget",))
        self._label = desk.label
        path = default_ledger() if settings.ledger is None else Path(settings.ledger).expanduser()
        file, prometheus = budgets_file(path), settings.budget_prometheus

        def spent(periods: Periods, now: float) -> Mapping[str, Spent]:
            if prometheus is not None:
                return spent_in_prometheus(prometheus, periods, now, desk.label)
            return spent_in_ledgers(ledgers_beside(path), periods, now)

        source = BudgetSource(
            lambda: list(read_budgets(file).values()),
            spent,
            (lambda: ledger.written) if ledger is not None and prometheus is None else None,
        )
        self._keeper = BudgetKeeper(
            source,
            desk.gate,
            lambda line: log.warning("costmeter: %s", line),
            on_fault=lambda: FAULTS.add("budget"),
        )

    def start(self) -> None:
        """Begin to read."""
        self._keeper.start()

    def beside(
        self, publish: Publish, model_name: str, reading: Callable[[], MeterReading | None]
    ) -> Publish:
        """A `publish` that adds the budgets' metrics, as of this second, and tells the gate."""

        def published(families: Sequence[Family]) -> None:
            publish((*families, *self._families(model_name, reading())))

        return published

    def _families(self, model_name: str, reading: MeterReading | None) -> Sequence[Family]:
        try:
            tenants = {} if reading is None else reading.tenants or {}
            states = self._keeper.states({name: share.usd for name, share in tenants.items()})
            return budget_families(model_name, states, self._keeper.staleness_seconds, self._label)
        except Exception:  # noqa: BLE001 (counted; the other metrics are published)
            FAULTS.add("budget")
            return ()


def refused_families(model_name: str, desk: RequestDesk | None) -> Sequence[Family]:
    """What this API process refused; nothing where tenants are not told apart, or nobody is refused."""
    refused = None if desk is None else desk.refused()
    return (refused_family(model_name, refused, desk.label),) if desk is not None and refused else ()


def opened_budgets(
    settings: Settings, desk: RequestDesk | None, ledger: LedgerKeeper | None = None
) -> ServingBudgets | None:
    """None where tenants are not told apart, or no folder has budgets. A fault of ours costs the budgets only."""
    if desk is None or not desk.sources or settings.ledger == OFF:
        return None
    try:
        budgets = ServingBudgets(settings, desk, ledger)
        budgets.start()
    except Exception:
        FAULTS.add("budget")
        log.exception("costmeter: budgets cannot be followed; the meter and the server go on without")
        return None
    return budgets
