"""`costmeter report`."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from ledgers import NOON, SERIES, usage, write

from vllm_costmeter.cli.main import main
from vllm_costmeter.core.ledger.rows import Series


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Two models, two days."""
    path = write(
        tmp_path / "one.sqlite3", {NOON: usage(1.0), NOON + 86_400: usage(2.0)}, adapters={"a": 0.25}
    )
    return write(path, {NOON: usage(4.0)}, SERIES._replace(model_name="other"))


def report(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """(exit code, output, error) of the command."""
    code = main(["report", *words])
    out, error = capsys.readouterr()
    return code, out, error


def test_the_total_is_what_was_written(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In JSON, with the rows that add up to it."""
    code, out, _ = report("--ledger", str(ledger), "--format", "json", capsys=capsys)
    values = json.loads(out)
    assert (code, values["schema"], values["total_usd"]) == (0, "costmeter.report/1", 10.5)
    assert [(row["model"], row["usd"]) for row in values["rows"]] == [("other", 6.0), ("m", 4.5)]
    assert "joules" not in values["total"]


def test_a_range_and_a_group(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The 22nd only, by state; a table with its total."""
    words = ("--ledger", str(ledger), "--since", "2026-11-22", "--until", "2026-11-22", "--by", "state")
    code, out, _ = report(*words, capsys=capsys)
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["active", "2.0000", "66.7", "%", "0.01"] in lines
    assert ["total", "3.0000", "100.0", "%", "0.02"] in [line[:5] for line in lines]


def test_many_ledgers_add_up(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By a glob, each file once, also where it is named twice; one is a copy taken while it was open."""
    shutil.copy(ledger, ledger.with_name("two.sqlite3"))
    words = ("--ledger", f"{ledger.parent}/*.sqlite3", "--ledger", str(ledger), "--format", "json")
    assert json.loads(report(*words, capsys=capsys)[1])["total_usd"] == 21.0


@pytest.mark.parametrize(
    "by", ["adapter", "model,adapter", "day", "hour", "component", "phase", "gpu", "host,day"]
)
def test_every_group_has_a_table(ledger: Path, by: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In every format."""
    for format in ("text", "markdown", "csv", "json"):
        code, out, _ = report("--ledger", str(ledger), "--by", by, "--format", format, capsys=capsys)
        assert code == 0
        assert "nan" not in out
        assert by.rpartition(",")[2] in out


def test_a_ledger_in_use_can_be_read(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """While a server holds its lock, with what it has committed."""
    server = sqlite3.connect(ledger, isolation_level=None)
    server.execute("BEGIN IMMEDIATE")
    server.execute("DELETE FROM usage")
    assert (
        json.loads(report("--ledger", str(ledger), "--format", "json", capsys=capsys)[1])["total_usd"] == 10.5
    )
    server.execute("ROLLBACK")


@pytest.mark.parametrize("column", Series._fields)
def test_a_ledger_without_one_of_its_columns_is_damaged(
    ledger: Path, capsys: pytest.CaptureFixture[str], column: str
) -> None:
    """Unless it is one that ledgers before schema 2 did not have."""
    with sqlite3.connect(ledger) as connection:
        connection.execute(f"ALTER TABLE series RENAME COLUMN {column} TO other")
    connection.close()
    code, _, error = report("--ledger", str(ledger), capsys=capsys)
    if column in Series._field_defaults:
        assert code == 0
    else:
        assert (code, "is damaged" in error, error.count("\n")) == (2, True, 1), error


def test_what_cannot_be_answered_is_one_line(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, no traceback, no file changed or made."""
    text = ledger.with_name("notes.txt")
    text.write_text("no ledger")
    short = ledger.with_name("short.db")
    short.write_bytes(ledger.read_bytes()[:50])
    cut = ledger.with_name("cut.db")
    cut.write_bytes(ledger.read_bytes()[:6000])
    newer = Path(shutil.copy(ledger, ledger.with_name("newer.db")))
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = {path.name: path.read_bytes() for path in ledger.parent.iterdir()}
    for words, said in (
        (("--ledger", str(text)), "is not a ledger"),
        (("--ledger", str(short)), "is damaged"),
        (("--ledger", str(cut)), "is damaged"),
        (("--ledger", str(newer)), "update vllm-costmeter"),
        (("--ledger", str(ledger.parent)), "is a folder"),
        (("--ledger", "/nowhere/*.sqlite3"), "no ledger at"),
        (("--ledger", "/nowhere/*.sqlite3", "--by", "tennant"), "nearest: tenant"),
        (("--ledger", "/nowhere/*.sqlite3", "--by", "tenant", "--idle", "by-us"), "nearest: by-use"),
        (("--ledger", str(ledger), "--since", "soonish"), "--since must be"),
        (("--ledger", str(ledger), "--since", "2026-12", "--until", "2026-11"), "the range is empty"),
        (("--ledger", str(ledger), "--since", "2020", "--until", "2021-01"), "--since must be"),
        (("--ledger", str(ledger), "--since", "2020-01", "--until", "2020-02"), "nothing was spent"),
        (("--ledger", str(ledger), "--by", "modell"), "nearest: model"),
    ):
        code, out, error = report(*words, capsys=capsys)
        assert (code, out) == (2, ""), words
        assert said in error, error
        assert error.count("\n") == 1
    assert {name: (ledger.parent / name).read_bytes() for name in before} == before


def test_a_misspelt_reservation_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where the tenant's requests lie outside the range; a new tenant pays, and is named."""
    path = write(tmp_path / "one.sqlite3", {NOON: usage(1.0)}, tenants={"team-a": 0.25})
    write(path, {NOON + 86_400: usage(1.0)})
    words = ("--ledger", str(path), "--since", "2026-11-22", "--by", "tenant", "--reserved")
    code, out, error = report(*words, "team-aa=0.5", capsys=capsys)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert "nearest: team-a" in error
    code, out, _ = report(*words, "newcomers=0.5", capsys=capsys)
    assert code == 0
    assert "no ledger has a request of it: newcomers" in out


@pytest.mark.parametrize("since", ["2026-11-20", "2026-11-21", "2026-11-21T12:00", "2026-11-21T13:00"])
@pytest.mark.parametrize("until", ["2026-11-21", "2026-11-22T12:00", "2026-11-22T13:00", "2026-11-23"])
def test_whole_days_and_the_rest_add_up_as_single_rows_do(
    ledger: Path, since: str, until: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The daily sums are a short cut, not another answer: by hour they are not read."""
    totals = []
    for by in ("model", "day", "hour"):
        words = ("--ledger", str(ledger), "--since", since, "--until", until, "--by", by, "--format", "json")
        code, out, _ = report(*words, capsys=capsys)
        totals.append(json.loads(out)["total_usd"] if code == 0 else None)
    assert totals[0] == totals[1] == totals[2]
