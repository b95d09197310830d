"""A ledger file that servers add to."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from ledgers import NOON, SERIES, dollars, usage, write

from vllm_costmeter.core.ledger.rows import DAY, HOUR, Interval
from vllm_costmeter.core.ledger.schema import VERSION
from vllm_costmeter.core.meter.operations import START, Durations, Operation
from vllm_costmeter.outputs.ledger.file import LedgerFile, NotOursError, set_aside
from vllm_costmeter.sources.ledger.read import opened_ledger


def test_what_is_added_is_added_up(tmp_path: Path) -> None:
    """In the same minute by the same series, across openings; other series and minutes stay apart."""
    path = tmp_path / "ledger.sqlite3"
    for series in (SERIES, SERIES, SERIES._replace(host="node-2")):
        write(path, {NOON: usage(1.0), NOON + 60: usage(2.0)}, series, {"a": 0.5})
    rows = sqlite3.connect(path).execute("SELECT start, series, active_rental_usd FROM usage").fetchall()
    assert rows == [(NOON, 1, 2.0), (NOON, 2, 1.0), (NOON + 60, 1, 4.0), (NOON + 60, 2, 2.0)]
    assert sqlite3.connect(path).execute("SELECT SUM(usd) FROM share").fetchone() == (3.0,)


def test_old_minutes_become_hours_and_old_hours_days(tmp_path: Path) -> None:
    """Nothing is lost, also where rows come late for an hour that was joined already."""
    path = write(
        tmp_path / "l", {NOON + 60 * minute: usage(1.0) for minute in range(180)}, adapters={"a": 0.1}
    )
    file = LedgerFile(path)
    file.roll_up(NOON + 5 * DAY)
    assert sqlite3.connect(path).execute("SELECT seconds, COUNT(*) FROM usage GROUP BY 1").fetchall() == [
        (HOUR, 3)
    ]
    write(path, {NOON: usage(1.0)})
    file.roll_up(NOON + 5 * DAY)
    file.roll_up(NOON + 500 * DAY)
    rows = sqlite3.connect(path).execute("SELECT seconds, finished_requests FROM usage").fetchall()
    assert rows == [(DAY, 3 * 181)]
    assert dollars(path) == pytest.approx(1.5 * 181)
    assert sqlite3.connect(path).execute("SELECT SUM(usd) FROM share").fetchone()[0] == pytest.approx(18)


WRITER = """
import sys
from pathlib import Path
sys.path[:0] = {paths}
from ledgers import NOON, SERIES, usage, write
for _ in range(20):
    write(Path(sys.argv[1]), {{NOON: usage(1.0)}})
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    """Four of them begin the same file and add to the same minute."""
    path = tmp_path / "ledger.sqlite3"
    code = WRITER.format(paths=sys.path)
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    assert dollars(path) == pytest.approx(4 * 20 * 1.5)


def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    """Another program's, one that is no database, and one of a newer version: byte for byte."""
    text = tmp_path / "notes.txt"
    text.write_text("not a database " * 20)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.execute("PRAGMA application_id = 7")
    nameless = tmp_path / "nameless.db"  # as most programs leave it: neither an application nor a version
    with sqlite3.connect(nameless) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    newer = write(tmp_path / "newer", {NOON: usage()})
    with sqlite3.connect(newer) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    for path in (text, other, nameless, newer):
        before = path.read_bytes()
        with pytest.raises(NotOursError, match="left as it is"):
            LedgerFile(path)
        assert path.read_bytes() == before


OLD = Path(__file__).parents[2] / "data" / "ledger" / "version_1.sql"


def old_ledger(path: Path) -> Path:
    """A ledger as schema 1 wrote it: 10.5 dollars of two models, a quarter of a dollar of an adapter."""
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD.read_text())
    connection.close()
    return path


def test_an_older_schema_is_upgraded_with_all_its_rows(tmp_path: Path) -> None:
    """By the first server that opens it; a report reads it before that too."""
    path = old_ledger(tmp_path / "ledger.sqlite3")
    with opened_ledger(path) as ledger:
        before = list(ledger.usage(0, 1e12))
    assert sum(row.usage.usd() for row in before) == 10.5
    write(path, {NOON: usage(2.0)}, SERIES._replace(gpu_share=0.5))
    with opened_ledger(path) as ledger:
        after = list(ledger.usage(0, 1e12))
    assert [row for row in after if row.series.gpu_share == 1.0] == before
    whole_days = sqlite3.connect(path).execute("SELECT SUM(active_rental_usd + idle_rental_usd) FROM daily")
    assert whole_days.fetchone() == (13.5,)
    assert [row.usage.usd() for row in after if row.series.gpu_share == 0.5] == [3.0]
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert sqlite3.connect(path).execute("SELECT usd FROM share").fetchall() == [(0.25,), (0.25,)]


def test_operations_are_added_up_by_model_and_level(tmp_path: Path) -> None:
    """Of several series, also when minutes have become hours; an older ledger has none."""
    path, wake = tmp_path / "ledger.sqlite3", Operation("wake", 1)
    file = LedgerFile(path)
    for series, start in ((SERIES, NOON), (SERIES, NOON + 60), (SERIES._replace(model_name="n"), NOON)):
        took = {START: Durations(1, 90.0), wake: Durations(2, 3.0)}
        file.add(series, {start: Interval(usage(), {}, took)})
    file.roll_up(NOON + 10 * 86_400)
    file.close()
    with opened_ledger(path) as ledger:
        found = {(model, operation): took for model, operation, took in ledger.operations(NOON, NOON + 3600)}
        assert list(ledger.operations(0, NOON)) == []
    assert found == {
        ("m", START): (2, 180.0),
        ("m", wake): (4, 6.0),
        ("n", START): (1, 90.0),
        ("n", wake): (2, 3.0),
    }
    with opened_ledger(old_ledger(tmp_path / "old.sqlite3")) as ledger:
        assert list(ledger.operations(0, 1e12)) == []


def test_a_file_that_only_was_opened_becomes_a_ledger(tmp_path: Path) -> None:
    """An empty one, and a start that was killed before its first transaction."""
    path = tmp_path / "ledger.sqlite3"
    path.touch()
    write(path, {NOON: usage()})
    assert dollars(path) == 1.5


def test_a_damaged_file_is_named_and_kept(tmp_path: Path) -> None:
    """With its write-ahead log; its name is free again."""
    path = write(tmp_path / "ledger.sqlite3", {NOON: usage()})
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(sqlite3.DatabaseError):
        LedgerFile(path)
    content = path.read_bytes()
    aside = set_aside(path)
    assert aside.name.startswith("ledger.sqlite3.damaged-")
    assert aside.read_bytes() == content
    assert not path.exists()
