"""The budgets file, when its writers are killed, the disk is full or nothing may be written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vllm_costmeter.core.budgets.budget import MOST_BUDGETS, Budget
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.budgets.file import Budgets, change_budgets, read_budgets

ROOT = Path(__file__).resolve().parents[3]


def budget(tenant: str, usd: float = 5.0) -> Budget:
    """A day's budget."""
    return Budget(tenant, usd, "day", "UTC", "2026-11-28T00:00:00+00:00")


def add(file: Path, tenant: str) -> Budgets:
    """Add one to the file."""
    return change_budgets(file, lambda budgets: {**budgets, tenant: budget(tenant)})


SETTING = """
import sys
from pathlib import Path
from vllm_costmeter.core.budgets.budget import Budget
from vllm_costmeter.sources.budgets.file import change_budgets
print("ready", flush=True)
for n in range(100_000):
    change_budgets(Path(sys.argv[1]), lambda budgets: {**budgets, "x" * 64: Budget("x" * 64, 1.0 + n, "day", "UTC",
                   "2026-11-28T00:00:00+00:00")})
"""


def test_writers_that_are_killed_lose_nothing(tmp_path: Path) -> None:
    """Whenever the kill comes, the file is whole, what was there before is there, and the next writer goes on."""
    file = tmp_path / "budgets.json"
    for n in range(12):
        add(file, f"t{n}")
        with subprocess.Popen(
            [sys.executable, "-c", SETTING, str(file)], cwd=ROOT, stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.003 * n)
            writer.send_signal(signal.SIGKILL)
        assert {f"t{m}" for m in range(n + 1)} <= set(read_budgets(file))
    assert add(file, "last")["last"] == budget("last")
    assert not file.with_name("budgets.json.new").exists()


FULL = """
import resource, signal, sys
from pathlib import Path
from vllm_costmeter.cli.main import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
sys.exit(main(["budget", "set", "acme", "50", "--per", "day", "--new", "--ledger", sys.argv[1] + "/ledger.sqlite3"]))
"""


@pytest.mark.parametrize("most_bytes", [0, 10, 100])
def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, most_bytes: int) -> None:
    """A limit on the size of files stands for it: one line, exit code 2, no half-written file."""
    file = tmp_path / "budgets.json"
    add(file, "acme")
    before = file.read_bytes()
    words = [sys.executable, "-c", FULL, str(tmp_path), str(most_bytes)]
    ran = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1), ran.stderr
    assert "cannot be written" in ran.stderr
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["budgets.json", "budgets.lock"]


def test_a_lock_that_is_never_released_is_one_line(tmp_path: Path) -> None:
    """A stopped process holds it: the command gives up."""
    file = tmp_path / "budgets.json"

    def inner(budgets: Budgets) -> Budgets:
        with pytest.raises(BadInputError, match="locked by another process; nothing was changed"):
            change_budgets(file, lambda other: other, patience_seconds=0.05)
        return {"acme": budget("acme")}

    assert list(change_budgets(file, inner)) == ["acme"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to a read-only folder")
def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    """Nothing is left behind."""
    tmp_path.chmod(0o500)
    with pytest.raises(BadInputError, match="cannot be written: Permission denied"):
        add(tmp_path / "budgets.json", "acme")


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    """A file stands where the folder would be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="cannot be"):
        add(tmp_path / "file" / "budgets.json", "acme")


def test_a_link_to_another_file_is_replaced_not_followed(tmp_path: Path) -> None:
    """What it points to is unchanged."""
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"schema": "costmeter.budgets/1", "budgets": []}))
    file = tmp_path / "budgets.json"
    file.symlink_to(other)
    before = other.read_bytes()
    add(file, "acme")
    assert (other.read_bytes(), file.is_symlink()) == (before, False)


def test_their_number_is_limited(tmp_path: Path) -> None:
    """The file cannot grow without bound."""
    file = tmp_path / "budgets.json"
    change_budgets(file, lambda _: {f"t{n}": budget(f"t{n}") for n in range(MOST_BUDGETS)})
    with pytest.raises(BadInputError, match="remove one first"):
        add(file, "one more")
    assert len(read_budgets(file)) == MOST_BUDGETS
