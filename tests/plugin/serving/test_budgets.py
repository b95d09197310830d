"""The budgets of a running server: files, ledgers and gate together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from budget_worlds import budget
from ledgers import SERIES
from plugin.line_faults import LineFaults
from published import READING, families

pytest.importorskip("vllm")

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.ledger.rows import Interval
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.core.meter.shares.share import Share
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.metering.ledger_keeper import LedgerKeeper
from vllm_costmeter.outputs.metrics.exposition import Family
from vllm_costmeter.plugin.serving.budgets import ServingBudgets, opened_budgets
from vllm_costmeter.plugin.serving.requests.desk import RequestDesk
from vllm_costmeter.sources.budgets.file import change_budgets


class Server:
    """A server's part: a ledger that it writes, and what it publishes."""

    def __init__(self, folder: Path, name: str = "ledger.sqlite3") -> None:
        self.settings = Settings(
            tenant_from=("user",), tenant_names="plain", budget_action="refuse", ledger=str(folder / name)
        )
        self.desk = RequestDesk(self.settings, lambda: b"secret")
        self.ledger = LedgerKeeper(folder / name, SERIES, print)
        self.families: Sequence[Family] = ()
        self.reading = READING
        self.spend(0.0)
        self.ledger.write()
        self.budgets = ServingBudgets(self.settings, self.desk, self.ledger)
        self.keeper = self.budgets._keeper
        """A test reads when it wants to."""
        self.publish = self.budgets.beside(self._publish, "m", lambda: self.reading)

    def _publish(self, families: Sequence[Family]) -> None:
        self.families = families

    def spend(self, usd: float) -> None:
        """acme has spent this much here in all; it is noted, not written."""
        self.reading = replace(READING, tenants={"acme": Share(usd=usd)})
        self.ledger.note(
            Interval(Usage(active_rental_usd=usd, idle_rental_usd=1.0), {("tenant", "acme"): Share(usd=usd)})
        )

    def shown(self, name: str) -> float | None:
        """A metric of acme's budget; None without a sample."""
        self.publish(())
        found = [value for family in self.families if family.row.name == name for _, value in family.samples]
        return found[0] if found else None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a budget of $10 a month."""
    change_budgets(tmp_path / "budgets.json", lambda _: {"acme": budget("acme", 10.0, "UTC")})
    return tmp_path


def test_two_servers_share_a_budget_through_their_folder(folder: Path) -> None:
    """Each adds what it spent itself at once, and what the other wrote when it reads again."""
    one, two = Server(folder), Server(folder, "two.sqlite3")
    for server in (one, two):
        server.keeper.read()
    one.spend(6.0)
    assert (one.shown("costmeter_budget_spent_usd"), two.shown("costmeter_budget_spent_usd")) == (6.0, 0.0)
    one.ledger.write()
    two.keeper.read()
    two.spend(4.0)
    assert two.shown("costmeter_budget_left_usd") == 0.0
    assert two.desk.gate.refusal("acme") is not None
    assert one.desk.gate.refusal("acme") is None  # not written yet
    two.ledger.write()
    one.keeper.read()
    assert one.desk.gate.refusal("acme") is not None
    assert one.shown("costmeter_budget_spent_usd") == 10.0


def test_a_file_that_is_damaged_or_removed_while_serving(folder: Path) -> None:
    """Damaged, the last figures stand; removed, there are none."""
    server = Server(folder)
    server.spend(10.0)
    server.keeper.read()
    assert server.shown("costmeter_budget_usd") == 10.0
    (folder / "budgets.json").write_text("{")
    server.keeper.read()
    assert server.shown("costmeter_budget_usd") == 10.0
    assert server.desk.gate.refusal("acme") is not None
    (folder / "budgets.json").unlink()
    server.keeper.read()
    assert server.shown("costmeter_budget_usd") is None
    assert server.desk.gate.refusal("acme") is None


def test_a_ledger_that_is_removed_while_serving(folder: Path) -> None:
    """What was in it is gone: the budget begins again with what this server has not written."""
    server = Server(folder)
    server.spend(10.0)
    server.ledger.write()
    server.keeper.read()
    assert server.shown("costmeter_budget_spent_usd") == 10.0
    for path in folder.glob("ledger.sqlite3*"):
        path.unlink()
    server.keeper.read()
    server.spend(11.0)
    assert server.shown("costmeter_budget_spent_usd") == 1.0


def test_its_thread_reads_the_files(folder: Path) -> None:
    """Without anybody asking it to."""
    server = Server(folder)
    server.budgets.start()
    deadline = time.monotonic() + 60
    while server.shown("costmeter_budget_usd") is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.shown("costmeter_budget_usd") == 10.0


def test_without_tenants_or_a_ledger_nothing_is_read(tmp_path: Path) -> None:
    """No thread, no file."""
    settings = Settings(ledger=str(tmp_path / "l"))
    assert opened_budgets(settings, None) is None
    assert opened_budgets(settings, RequestDesk(settings, lambda: b"")) is None
    told_apart = Settings(ledger="off", tenant_from=("user",))
    assert opened_budgets(told_apart, RequestDesk(told_apart, lambda: b"")) is None


def test_a_fault_at_any_line_costs_only_the_budgets(folder: Path) -> None:
    """Every line that reads, adds up or publishes fails once: the other metrics are published, nothing leaves, and the
    next second is as before."""
    parts = ("/budget_keeper", "/budget_families", "/core/budgets/", "/sources/budgets/")
    others = families()
    server = Server(folder)

    def second() -> None:
        server.keeper.read()
        server.publish(others)
        assert server.families[: len(others)] == others

    healthy = LineFaults(parts)
    with healthy.watching():
        second()
    walked = 0
    for line in healthy.reached:
        broken = LineFaults(parts, line)
        with broken.watching():
            second()
        walked += broken.fired
        assert server.shown("costmeter_budget_usd") == 10.0, line
    assert walked > 60


def test_an_api_process_that_writes_no_ledger_follows_the_one_that_does(folder: Path) -> None:
    """With several API processes of one server: its gate closes for what is written."""
    first = Server(folder)
    second = ServingBudgets(first.settings, RequestDesk(first.settings, lambda: b"secret"))
    first.spend(10.0)
    first.ledger.write()
    second._keeper.read()
    assert second._keeper._gate.refusal("acme") is not None
    assert second._keeper._gate.budgeted() == {"acme"}
