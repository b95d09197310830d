"""`costmeter budget`."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from ledgers import SERIES, usage

from vllm_costmeter.cli.main import main
from vllm_costmeter.core.ledger.rows import MINUTE, Interval, Share
from vllm_costmeter.outputs.ledger.file import LedgerFile

Capture = pytest.CaptureFixture[str]


def spend(path: Path, tenants: Mapping[str, float], start: float | None = None) -> Path:
    """A minute of a ledger, by default this one, in which tenants spent dollars."""
    minute = int((time.time() if start is None else start) // MINUTE) * MINUTE
    file = LedgerFile(path)
    file.add(
        SERIES,
        {minute: Interval(usage(), {("tenant", name): Share(usd=usd) for name, usd in tenants.items()})},
    )
    file.close()
    return path


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A folder with two servers' ledgers and another file; acme spent $12 today."""
    (tmp_path / "notes.txt").write_text("no ledger")
    spend(tmp_path / "two.sqlite3", {"acme": 2.0})
    return spend(tmp_path / "ledger.sqlite3", {"acme": 10.0, "globex": 1.0})


def budget(*words: str, ledger: Path, capsys: Capture) -> tuple[int, str, str]:
    """(exit code, output, error) of the command."""
    code = main(["budget", *words, "--ledger", str(ledger)])
    out, error = capsys.readouterr()
    return code, out, error


def test_a_budget_counts_every_ledger_of_its_folder(ledger: Path, capsys: Capture) -> None:
    """$12 of $50: what is left, in JSON, as a table and as CSV."""
    code, out, _ = budget("set", "acme", "$50", "--per", "day", ledger=ledger, capsys=capsys)
    assert (code, out) == (0, f"acme: $50.00 per day (UTC), in {ledger.parent}/budgets.json\n")
    code, out, _ = budget("list", "--format", "json", ledger=ledger, capsys=capsys)
    values = json.loads(out)
    (row,) = values["budgets"]
    assert (code, values["schema"], len(values["ledgers"])) == (0, "costmeter.budgets/1", 2)
    assert (row["tenant"], row["usd"], row["per"], row["timezone"]) == ("acme", 50.0, "day", "UTC")
    assert (row["spent_usd"], row["left_usd"], row["is_spent"]) == (12.0, 38.0, False)
    assert row["pace_ratio"] > 0
    out = budget("list", "--format", "csv", ledger=ledger, capsys=capsys)[1]
    assert next(csv.DictReader(io.StringIO(out)))["spent_usd"] == "12.0"
    out = budget("list", ledger=ledger, capsys=capsys)[1]
    assert "Spent in 2 ledgers of the folder: ledger.sqlite3, two.sqlite3." in out
    assert ["acme", "$50.00", "per", "day", "12.00", "38.00"] in [
        line.split()[:6] for line in out.splitlines()
    ]


def test_setting_again_replaces_and_keeps_the_time_zone(ledger: Path, capsys: Capture) -> None:
    """Unless another is named."""
    words = ("set", "acme", "50", "--per", "month")
    budget(*words, "--timezone", "Europe/Berlin", ledger=ledger, capsys=capsys)
    out = budget("set", "acme", "60", "--per", "week", ledger=ledger, capsys=capsys)[1]
    assert out.startswith(
        "acme: $60.00 per week (Europe/Berlin) (before: acme: $50.00 per month (Europe/Berlin))"
    )


def test_a_spent_budget_says_so(ledger: Path, capsys: Capture) -> None:
    """It has no day on which it runs out; what is overspent is below zero."""
    budget("set", "acme", "5", "--per", "day", ledger=ledger, capsys=capsys)
    (row,) = json.loads(budget("list", "--format", "json", ledger=ledger, capsys=capsys)[1])["budgets"]
    assert (row["is_spent"], row["left_usd"], "runs_out" in row) == (True, -7.0, False)
    assert " spent " in budget("list", ledger=ledger, capsys=capsys)[1].splitlines()[2]


def test_a_removed_budget_is_gone(ledger: Path, capsys: Capture) -> None:
    """The others stay."""
    for tenant in ("acme", "globex", "untagged"):
        assert budget("set", tenant, "5", "--per", "day", ledger=ledger, capsys=capsys)[0] == 0
    assert budget("remove", "acme", ledger=ledger, capsys=capsys)[:2] == (
        0,
        "removed: acme: $5.00 per day (UTC)\n",
    )
    rows = json.loads(budget("list", "--format", "json", ledger=ledger, capsys=capsys)[1])["budgets"]
    assert [row["tenant"] for row in rows] == ["globex", "untagged"]


def test_without_a_ledger_what_was_spent_is_not_known(tmp_path: Path, capsys: Capture) -> None:
    """A budget may be set before the first server starts; nothing is shown as 0."""
    ledger = tmp_path / "new" / "ledger.sqlite3"
    assert budget("set", "acme", "5", "--per", "day", "--new", ledger=ledger, capsys=capsys)[0] == 0
    (row,) = json.loads(budget("list", "--format", "json", ledger=ledger, capsys=capsys)[1])["budgets"]
    assert "spent_usd" not in row
    assert "what was spent is not known" in budget("list", ledger=ledger, capsys=capsys)[1]
    assert (ledger.parent / "budgets.json").stat().st_mode & 0o777 == 0o600
    assert ledger.parent.stat().st_mode & 0o777 == 0o700


def test_bad_input_is_one_line_and_changes_nothing(ledger: Path, capsys: Capture) -> None:
    """Exit code 2, no traceback, what is allowed or nearest is named."""
    budget("set", "acme", "50", "--per", "month", ledger=ledger, capsys=capsys)
    before = (ledger.parent / "budgets.json").read_bytes()
    month = ("--per", "month")
    for words, said in (
        (("set", "acme", "-5", *month), "is an amount"),
        (("set", "acme", "nan", *month), "is an amount"),
        (("set", "acme", "1e9000", *month), "is an amount"),
        (("set", "acme", "5"), "--per"),
        (("set", "acme", "5", "--per", "mont"), "nearest: month"),
        (("set", "acme", "5", *month, "--timezone", "Europe/Berln"), "nearest: Europe/Berlin"),
        (("set", "acne", "5", *month), "nearest: acme"),
        (("set", "a\nb", "5", *month), "nothing of a tenant 'a b'"),
        (("set", "x" * 1_000_000, "5", *month), "nothing of a tenant 'xxx"),
        (("set", "\0", "5", *month), "printable characters"),
        (("set", "other", "5", *month), "not a tenant"),
        (("remove", "acne"), "nearest: acme"),
        (("remove", "x" * 1_000_000), "has no budget"),
        (("list", "--format", "xml"), "must be one of"),
        (("lst",), "list"),
    ):
        code, out, error = budget(*words, ledger=ledger, capsys=capsys)
        assert (code, out) == (2, ""), words
        assert said in error, error
        assert (error.count("\n"), len(error) < 500) == (1, True), error
    assert (ledger.parent / "budgets.json").read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"\xff\xfe", b"null", b'{"schema": "costmeter.budgets/2", "budgets": []}', b"[" * 100_000,
     b'{"schema": "costmeter.budgets/1"}', b'{"schema": "costmeter.budgets/1", "budgets": [{"tenant": "a"}]}',
     b'{"schema": "costmeter.budgets/1", "budgets": 3}', b" " * (2 << 20)],
)  # fmt: skip
def test_a_damaged_or_foreign_file_is_named_and_left_as_it_is(
    ledger: Path, content: bytes, capsys: Capture
) -> None:
    """By all three actions."""
    file = ledger.parent / "budgets.json"
    file.write_bytes(content)
    for words in (("set", "acme", "5", "--per", "day"), ("list",), ("remove", "acme")):
        code, out, error = budget(*words, ledger=ledger, capsys=capsys)
        assert (code, out, error.count("\n")) == (2, "", 1)
        assert "is not a valid budgets file" in error
        assert len(error) < 500
    assert file.read_bytes() == content


def test_what_is_no_file_is_not_waited_for(ledger: Path, capsys: Capture) -> None:
    """A named pipe or a folder in its place; a folder that anybody may write to."""
    file = ledger.parent / "budgets.json"
    os.mkfifo(file)
    assert "not a regular file" in budget("list", ledger=ledger, capsys=capsys)[2]
    file.unlink()
    file.mkdir()
    assert budget("set", "acme", "5", "--per", "day", ledger=ledger, capsys=capsys)[0] == 2
    file.rmdir()
    ledger.parent.chmod(0o777)
    code, _, error = budget("set", "acme", "5", "--per", "day", ledger=ledger, capsys=capsys)
    assert (code, "anybody may write to" in error) == (2, True)


def test_forty_budgets_set_at_once_are_all_kept(tmp_path: Path) -> None:
    """By eight processes, which ask again where a busy machine kept the lock from them for its five seconds."""
    code = (
        "import sys\nfrom vllm_costmeter.cli.main import main\n"
        "words = ['5', '--per', 'day', '--new', '--ledger', sys.argv[2]]\n"
        "asked = lambda n: main(['budget', 'set', f'{sys.argv[1]}-{n}', *words])\n"
        "sys.exit(not all(any(asked(n) == 0 for _ in range(50)) for n in range(5)))"
    )
    ledger = tmp_path / "ledger.sqlite3"
    words = [sys.executable, "-c", code]
    running = [
        subprocess.Popen(
            [*words, f"t{n}", str(ledger)], stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[2]
        )
        for n in range(8)
    ]
    assert [process.wait() for process in running] == [0] * 8
    rows = json.loads((tmp_path / "budgets.json").read_text())["budgets"]
    assert [row["tenant"] for row in rows] == sorted(f"t{n}-{m}" for n in range(8) for m in range(5))
