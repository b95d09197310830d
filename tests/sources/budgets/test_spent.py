"""What tenants spent, from ledgers and from a Prometheus."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ledgers import SERIES, usage

from vllm_costmeter.core.budgets.budget import Budget, Per
from vllm_costmeter.core.budgets.state import Spent, current_period
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.rows import DAY, HOUR, Interval, Share
from vllm_costmeter.outputs.ledger.file import LedgerFile
from vllm_costmeter.sources.budgets.spent import (
    ledgers_beside,
    spent_in_ledgers,
    spent_in_prometheus,
    tenants_in_ledgers,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
NAMES = ("acme", "a'; DROP TABLE share; --", 'with "quotes"', "100%_")


def budget(tenant: str, per: Per = "month", timezone: str = "UTC") -> Budget:
    """Of $50."""
    return Budget(tenant, 50.0, per, timezone, "2026-11-28T00:00:00+00:00")


def ledger(path: Path, spent: dict[int, dict[str, float]], roll_up_at: float | None = None) -> Path:
    """By minute and tenant."""
    file = LedgerFile(path)
    minutes = {
        start: Interval(usage(), {("tenant", name): Share(usd=usd) for name, usd in tenants.items()})
        for start, tenants in spent.items()
    }
    file.add(SERIES, minutes)
    if roll_up_at is not None:
        file.roll_up(roll_up_at)
    file.close()
    return path


def spent(path: Path, *budgets: Budget, now: float = NOW) -> dict[str, Spent]:
    """Of all ledgers in the folder."""
    return spent_in_ledgers(ledgers_beside(path), {each: current_period(each, now) for each in budgets}, now)


def test_only_the_period_and_the_tenant_count(tmp_path: Path) -> None:
    """Yesterday is in the month and in the last day, not in today; a name is a name, whatever characters it has."""
    midnight = int(NOW // DAY) * DAY
    path = ledger(
        tmp_path / "l.sqlite3",
        {
            int(NOW) - 60: dict.fromkeys(NAMES, 1.0),
            midnight - 60: dict.fromkeys(NAMES, 2.0),
            midnight - 30 * DAY: {"acme": 9.0},
        },
    )
    for name in NAMES:
        assert spent(path, budget(name))[name] == Spent(3.0, 3.0)
        assert spent(path, budget(name, "day"))[name] == Spent(1.0, 1.0)
        assert spent(path, budget(name, "week"))[name] == Spent(3.0, 3.0)
    assert spent(path, budget("nobody"))["nobody"] == Spent(0.0, 0.0)
    assert tenants_in_ledgers([path]) == set(NAMES)


@pytest.mark.parametrize(
    "timezone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Asia/Kathmandu"]
)
def test_the_turn_of_a_month_in_another_time_zone_stays_where_it_is_when_minutes_become_hours(
    tmp_path: Path, timezone: str
) -> None:
    """A dollar a minute over a day around it: to the minute before, and after the hour is divided by time."""
    month = current_period(budget("acme", "month", timezone), NOW)
    start = int(month.start)
    minutes = {start + 60 * n: {"acme": 1.0} for n in range(-720, 720)}
    for name in "ab":
        (tmp_path / name).mkdir()
    fresh = ledger(tmp_path / "a" / "l", minutes)
    assert spent(fresh, budget("acme", "month", timezone))["acme"].in_period == 720
    old = ledger(tmp_path / "b" / "l", minutes, NOW)
    assert spent(old, budget("acme", "month", timezone))["acme"].in_period == pytest.approx(720)


def test_every_ledger_of_the_folder_counts_once_and_nothing_else(tmp_path: Path) -> None:
    """Not a link to one, a backup, a copy that was set aside as damaged, nor another program's database."""
    first = ledger(tmp_path / "ledger.sqlite3", {int(NOW) - 60: {"acme": 1.0}})
    ledger(tmp_path / "node-2.sqlite3", {int(NOW) - HOUR: {"acme": 2.0}})
    (tmp_path / "link.sqlite3").symlink_to(first)
    (tmp_path / "hard-link.sqlite3").hardlink_to(first)
    (tmp_path / "dangling.sqlite3").symlink_to(tmp_path / "nothing")
    (tmp_path / "ledger.sqlite3.bak").write_bytes(first.read_bytes())
    (tmp_path / "ledger.sqlite3.damaged-20261128T000000").write_bytes(first.read_bytes()[:5000])
    (tmp_path / "folder.sqlite3").mkdir()
    other = sqlite3.connect(tmp_path / "other.sqlite3")
    other.execute("CREATE TABLE share (x)")
    other.commit()
    other.close()
    (tmp_path / "notes.sqlite3").write_text("text")
    in_use = sqlite3.connect(tmp_path / "in-use.sqlite3")
    in_use.execute("PRAGMA journal_mode = WAL")
    in_use.execute("CREATE TABLE share (x)")
    begun = LedgerFile(tmp_path / "begun.sqlite3")  # so young that all of it is in the write-ahead log
    begun.add(SERIES, {int(NOW) - 60: Interval(usage(), {("tenant", "acme"): Share(usd=4.0)})})
    assert len(ledgers_beside(first)) == 3
    assert spent(first, budget("acme"))["acme"].in_period == 7.0
    begun.close()
    in_use.close()


def test_a_sum_without_one_of_the_ledgers_is_no_sum(tmp_path: Path) -> None:
    """It would be too low."""
    first = ledger(tmp_path / "ledger.sqlite3", {int(NOW) - 60: {"acme": 1.0}})
    broken = ledger(tmp_path / "two.sqlite3", {int(NOW) - 60: {"acme": 1.0}})
    broken.write_bytes(broken.read_bytes()[:5000])
    with pytest.raises(BadInputError, match="is damaged"):
        spent(first, budget("acme"))


def test_prometheus_is_asked_once_for_each_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenant is found under the name it is published as; two months and a day, each with its rate, are four."""
    asked = []

    def query(url: str, expression: str) -> list[tuple[dict[str, str], float]]:
        asked.append(expression)
        return [({"tenant": "t:acme"}, 7.0), ({"tenant": "t:globex"}, 8.0), ({}, 99.0)]

    monkeypatch.setattr("vllm_costmeter.sources.budgets.spent.query", query)
    wanted = [budget("acme"), budget("globex"), budget("initech", "day")]
    found = spent_in_prometheus(
        "http://p", {each: current_period(each, NOW) for each in wanted}, NOW, lambda name: f"t:{name}"
    )
    assert found == {"acme": Spent(7, 7), "globex": Spent(8, 8), "initech": Spent(0, 0)}
    seconds = ("2376000", "86400", "43200", "3600")
    assert asked == [
        f"sum by (tenant) (increase(costmeter_tenant_cost_usd_total[{each}s]))" for each in seconds
    ]
