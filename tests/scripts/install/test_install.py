"""The set-up: which torch it takes, where downloads are kept, and what a killed set-up leaves behind."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from patience import holds_within

from scripts.install.pip_command import keep_downloads
from scripts.install.vllm_build import is_not_to_be_had

WHEEL = "torch==2.13.0+cpu"
OTHERS_ONLY = f"""ERROR: Could not find a version that satisfies the requirement {WHEEL} (from versions: 2.12.1, 2.13.0)
ERROR: No matching distribution found for {WHEEL}"""
CONSTRAINED = f"""ERROR: Cannot install {WHEEL} because these package versions have conflicting dependencies.
The conflict is caused by:
    The user requested {WHEEL}
    The user requested (constraint) torch<=2.14.1
ERROR: ResolutionImpossible: for help visit pip's documentation"""
NO_INDEX = f"""ERROR: Could not find a version that satisfies the requirement {WHEEL} (from versions: none)
ERROR: No matching distribution found for {WHEEL}"""


@pytest.mark.parametrize("output", [OTHERS_ONLY, CONSTRAINED])
def test_an_index_without_the_cpu_wheel_is_told(output: str) -> None:
    """pip's own words, with and without a constraints file of the machine, lead to the default wheel."""
    assert is_not_to_be_had(WHEEL, output)


@pytest.mark.parametrize("output", [NO_INDEX, "ERROR: No space left on device"])
def test_other_failures_stay_failures(output: str) -> None:
    """No index, or a full disk, must not start a download of several GB."""
    assert not is_not_to_be_had(WHEEL, output)


def test_downloads_are_kept_in_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip's own cache in the user's home; beside the log where that home is not to be written to."""
    monkeypatch.delenv("PIP_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "not" / "yet"))
    keep_downloads(tmp_path / "here")
    assert "PIP_CACHE_DIR" not in os.environ
    monkeypatch.setattr(os, "access", lambda *_: False)
    keep_downloads(tmp_path / "here")
    assert os.environ["PIP_CACHE_DIR"] == str(tmp_path / "here")


SETS_UP = """
import sys
from pathlib import Path
from scripts.install.__main__ import only_one_at_a_time
from scripts.install.progress import run_step

folder = Path(sys.argv[1])
with only_one_at_a_time(folder / "lock"):
    run_step("pip", ["sh", "-c", "echo $$ > pid.new; mv pid.new pid; exec sleep 1000"], folder / "log")
"""


def test_a_pip_that_outlives_the_set_up_keeps_the_lock(tmp_path: Path) -> None:
    """Where the set-up alone is killed its pip works on: the next set-up waits for it and does not write beside it."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    set_up = subprocess.Popen(
        [sys.executable, "-c", SETS_UP, str(tmp_path)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    assert holds_within((tmp_path / "pid").exists, seconds=60)
    set_up.kill()
    set_up.wait()
    with (tmp_path / "lock").open("w") as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        fcntl.flock(lock, fcntl.LOCK_EX)
