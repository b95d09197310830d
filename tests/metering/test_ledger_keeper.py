"""The thread that writes a ledger, when everything goes wrong."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from ledgers import NOON, SERIES, dollars, usage, write
from process_faults import ProcessFaults
from required_tool import required_tool

from vllm_costmeter.core.ledger.rows import Interval
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.metering.ledger_keeper import LedgerKeeper


class Kept:
    """A keeper whose thread does not run: a test writes."""

    def __init__(self, path: Path) -> None:
        self.lines: list[str] = []
        self.now = float(NOON)
        self.usd = 0.0
        self.keeper = LedgerKeeper(path, SERIES, self.lines.append, unix_seconds=lambda: self.now)

    def spend(self, usd: float) -> None:
        """The server spends and the keeper writes."""
        self.usd += usd
        self.now += 5
        self.keeper.note(Interval(Usage(active_rental_usd=self.usd), {}))
        self.keeper.write()


def test_what_is_spent_is_in_the_file(tmp_path: Path) -> None:
    """A folder is made where there is none; nothing is said where nothing is wrong."""
    kept = Kept(tmp_path / "new" / "ledger.sqlite3")
    for _ in range(30):
        kept.spend(0.5)
    assert dollars(kept.keeper.path) == 15
    assert (kept.lines, kept.keeper.problem) == ([], None)


def test_a_locked_file_costs_one_line_and_no_dollar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The meter goes on; when the lock is gone, everything is written."""
    monkeypatch.setattr("vllm_costmeter.outputs.ledger.file.PATIENCE_SECONDS", 0.01)
    kept = Kept(write(tmp_path / "l", {}))
    other = sqlite3.connect(kept.keeper.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        kept.spend(1.0)
    assert kept.keeper.problem == "locked"
    assert len(kept.lines) == 1
    other.execute("ROLLBACK")
    kept.spend(1.0)
    assert (kept.keeper.problem, len(kept.lines)) == (None, 2)
    assert dollars(kept.keeper.path) == 4


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    """A new one is begun, which has everything since; the old one is named and kept."""
    path = write(tmp_path / "ledger.sqlite3", {NOON: usage()})
    path.write_bytes(path.read_bytes()[:5000])
    kept = Kept(path)
    kept.spend(1.0)
    assert "renamed ledger.sqlite3.damaged-" in kept.lines[-1]
    kept.spend(1.0)
    assert kept.keeper.problem is None
    assert dollars(path) == 2
    assert [each.name for each in tmp_path.iterdir() if "damaged" in each.name] != []


def test_a_folder_that_is_removed_is_made_again(tmp_path: Path) -> None:
    """What was in it is gone, what is spent from then on is kept."""
    kept = Kept(tmp_path / "state" / "ledger.sqlite3")
    kept.spend(1.0)
    shutil.rmtree(tmp_path / "state")
    kept.spend(2.0)
    assert dollars(kept.keeper.path) == 2


def test_another_programs_file_is_never_touched(tmp_path: Path) -> None:
    """The keeper says so once and keeps its costs in memory."""
    path = tmp_path / "notes.txt"
    path.write_text("my notes")
    kept = Kept(path)
    for _ in range(3):
        kept.spend(1.0)
    assert (kept.keeper.problem, len(kept.lines)) == ("not_ours", 1)
    assert path.read_text() == "my notes"


def test_its_thread_writes_the_rest_at_the_end(tmp_path: Path) -> None:
    """Started, told once, stopped: the last seconds are in the file, and the file is closed."""
    keeper = LedgerKeeper(tmp_path / "l", SERIES, lambda line: None, write_every_seconds=3600)
    keeper.start()
    keeper.note(Interval(Usage(active_rental_usd=2.5), {}))
    keeper.stop()
    assert dollars(tmp_path / "l") == 2.5
    assert not (tmp_path / "l-wal").exists()


FULL = """
import resource, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from ledgers import NOON, SERIES, dollars
from vllm_costmeter.core.ledger.rows import Interval
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.metering.ledger_keeper import LedgerKeeper

lines, now = [], [float(NOON)]
keeper = LedgerKeeper(Path(sys.argv[1]), SERIES, lines.append, unix_seconds=lambda: now[0])

def spend(usd):
    now[0] += 60
    keeper.note(Interval(Usage(active_rental_usd=usd), {{}}))
    keeper.write()

_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
if int(sys.argv[2]) < 40_000:  # full from the first write on
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), most))
spend(1.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), most))  # no file may grow past this
for minute in range(2, 400):
    spend(float(minute))
print(keeper.problem, len(lines))
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
spend(400.0)
print(keeper.problem, dollars(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("bytes_left", [40_000, 12_000, 4_096, 0])
def test_a_disk_that_is_full_for_hours_loses_no_dollar(tmp_path: Path, bytes_left: int) -> None:
    """Files that cannot grow stand for it, also while the ledger is created: one line for a failure and its end in ten
    minutes, the file is never taken for another program's, and everything is written once they can."""
    code = FULL.format(paths=sys.path)
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "l"), str(bytes_left)],
        capture_output=True,
        text=True,
        check=True,
    )
    stopped, went_on = ran.stdout.splitlines()
    assert stopped.split()[0] not in ("None", "not_ours")
    assert int(stopped.split()[1]) <= 2
    assert went_on == "None 400.0"


ILL = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from ledgers import NOON, SERIES, dollars
from vllm_costmeter.core.ledger.rows import Interval
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.metering.ledger_keeper import LedgerKeeper

now = [float(NOON)]
keeper = LedgerKeeper(Path(sys.argv[1]), SERIES, lambda line: None, unix_seconds=lambda: now[0])
for usd, _ in enumerate(sys.stdin, 1):
    now[0] += 60
    keeper.note(Interval(Usage(active_rental_usd=float(usd)), {{}}))
    keeper.write()
    print(keeper.problem, dollars(Path(sys.argv[1])) if keeper.problem is None else "", flush=True)
"""


@pytest.mark.parametrize(
    ("kind", "keyword"),
    [(errno.ENOSPC, "disk_full"), (errno.EIO, "unwritable")],
)
def test_the_reason_stays_the_disks(tmp_path: Path, kind: int, keyword: str) -> None:
    """A ledger whose header is still in the write-ahead log is opened anew at each attempt: a disk that fails says
    nothing of whose file it is."""
    required_tool("gcc")
    path = tmp_path / "disk" / "ledger.sqlite3"
    faults = ProcessFaults(tmp_path / "faults", path.parent)
    command = [sys.executable, "-c", ILL.format(paths=sys.path), str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **faults.env}
    ) as process:
        assert process.stdin
        assert process.stdout

        def tick() -> list[str]:
            process.stdin.write("\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            return process.stdout.readline().split()  # type: ignore[union-attr]

        assert tick() == ["None", "1.0"]
        faults.set(write_errno=kind)
        assert [tick() for _ in range(3)] == [[keyword]] * 3
        faults.set()
        assert tick() == ["None", "5.0"]
        process.stdin.close()
