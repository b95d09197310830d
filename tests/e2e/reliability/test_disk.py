"""The ledger's disk is full, read-only, slow, locked or gone, and the wall clock jumps."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import METERED, USD_PER_HOUR, Serve
from moments import added, seen
from patience import holds_within
from process_faults import ProcessFaults
from required_tool import required_tool
from under_load import answers, must_be_exact, under_load

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.sources.ledger.read import opened_ledger

from .conftest import Found

pytestmark = pytest.mark.chaos

FAULT_SECONDS = 14
HOUR, DAY = 3_600, 86_400


@dataclass
class OnADisk:
    """A server, its ledger, and the faults of its disk and clock."""

    server: Server
    path: Path
    faults: ProcessFaults

    def spent(self, since: float = 0, until: float = 1e12) -> Usage:
        """What the ledger has from one time to another."""
        with opened_ledger(self.path) as ledger:
            return sum((row.usage for row in ledger.usage(since, until)), Usage())

    def caught_up(self) -> bool:
        """Whether the ledger has what the page shows, but for the seconds since it was written."""
        behind = scrape(self.server.url).total("costmeter_cost_usd_total") - self.spent().usd()
        return 0 <= behind * 3600 / USD_PER_HOUR <= 12


@pytest.fixture(scope="module")
def on_a_disk(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnADisk]:
    required_tool("gcc")
    folder = tmp_path_factory.mktemp("disk")
    path = folder / "ledgers" / "ledger.sqlite3"
    faults = ProcessFaults(folder / "faults", path.parent)
    flags = (*METERED, "--no-enable-prefix-caching", "--costmeter-ledger", str(path))
    with serve(*flags, env=faults.env) as server:
        assert holds_within(path.exists, 30)
        yield OnADisk(server, path, faults)


def held(disk: OnADisk, begin: Callable[[], object], end: Callable[[], object]) -> dict[str, object]:
    """Figures of a fault between `begin` and `end`, through which requests, tokens and dollars went on."""
    server = disk.server
    healthy = answers(server.url)
    before = seen(server)
    begin()
    try:
        with under_load(server.url) as load:
            time.sleep(FAULT_SECONDS)
        assert answers(server.url) == healthy
        during = seen(server)
    finally:
        end()
    assert load.broken == []
    must_be_exact(server, load)
    rate = added(before, during, "costmeter_cost_usd_total") * 3600 / (during.seconds - before.seconds)
    assert rate == pytest.approx(USD_PER_HOUR, rel=0.02)
    down = during.page.value("costmeter_source_up", source="ledger") == 0
    reasons = [
        s.labels["reason"] for s in during.page.matching("costmeter_source_down_info", source="ledger")
    ]
    return {
        "requests": load.answered + load.aborted,
        "usd_error": rate / USD_PER_HOUR - 1,
        "ledger_down": down,
        "reason": (reasons or [None])[0],
    }


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ("the ledger's disk is full", errno.ENOSPC, "disk_full"),
        ("the ledger's disk becomes read-only", errno.EROFS, "read_only"),
        ("the ledger's disk has input/output errors", errno.EIO, "unwritable"),
    ],
)
def test_what_cannot_be_written_is_kept(
    on_a_disk: OnADisk, fault: str, kind: int, reason: str, found: Found
) -> None:
    """It is in memory until the disk takes it, and the source says so meanwhile."""
    disk = on_a_disk
    figures = held(disk, lambda: disk.faults.set(write_errno=kind), disk.faults.set)
    assert figures["ledger_down"]
    assert figures["reason"] == reason
    assert holds_within(disk.caught_up, 40)
    assert scrape(disk.server.url).value("costmeter_source_up", source="ledger") == 1
    found(fault, "nothing: written when the disk takes it", **figures)


def test_a_slow_disk_delays_nobody(on_a_disk: OnADisk, found: Found) -> None:
    """Every write and every flush takes two seconds."""
    disk = on_a_disk
    figures = held(disk, lambda: disk.faults.set(write_milliseconds=2000), disk.faults.set)
    assert holds_within(disk.caught_up, 60)
    found("every write to the ledger's disk takes two seconds", "nothing: no request waits", **figures)


def test_a_locked_ledger(on_a_disk: OnADisk, found: Found) -> None:
    """Another program holds the write lock."""
    disk = on_a_disk
    other = sqlite3.connect(disk.path, isolation_level=None, timeout=30)
    figures = held(disk, lambda: other.execute("begin immediate"), lambda: other.execute("rollback"))
    other.close()
    assert holds_within(disk.caught_up, 40)
    found("another process holds the ledger's lock", "nothing: written when it is free", **figures)


@pytest.mark.parametrize(("fault", "seconds"), [("forwards", DAY), ("back", -DAY)])
def test_the_clock_jumps(on_a_disk: OnADisk, fault: str, seconds: int, found: Found) -> None:
    """By a day while requests run: dollars follow the time that passed, before, during and after."""
    disk = on_a_disk
    before = seen(disk.server)
    figures = held(disk, lambda: disk.faults.set(clock_seconds=seconds), disk.faults.set)
    time.sleep(3)
    after = seen(disk.server)
    rate = added(before, after, "costmeter_cost_usd_total") * 3600 / (after.seconds - before.seconds)
    assert rate == pytest.approx(USD_PER_HOUR, rel=0.02)
    assert holds_within(disk.caught_up, 40), "dollars are lost, or in the ledger twice"
    shown = time.time() + seconds
    assert disk.spent(shown - HOUR, shown + HOUR).usd() > 0
    found(
        f"the clock jumps a day {fault}, and returns", "nothing; rows are under the date it showed", **figures
    )


def test_the_folder_is_removed(on_a_disk: OnADisk, found: Found) -> None:
    """A new ledger is begun; what was in the old one went with its folder, and nothing is in the new one twice."""
    disk = on_a_disk
    assert holds_within(disk.caught_up, 40)
    before = scrape(disk.server.url).total("costmeter_cost_usd_total")
    figures = held(disk, lambda: shutil.rmtree(disk.path.parent), lambda: None)
    assert holds_within(lambda: disk.path.exists() and disk.spent().usd() > 0, 40)
    gained = scrape(disk.server.url).total("costmeter_cost_usd_total") - before
    assert disk.spent().usd() <= gained + 12 * USD_PER_HOUR / 3600
    found("the ledger's folder is removed", "what was in it; a new one is begun", **figures)
