"""The console script of `costmeter`."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WHILE_IMPORTING = "import os, signal, vllm_costmeter.cli.start; os.kill(os.getpid(), signal.SIGINT)"
WHILE_RUNNING = """
import os, signal, sys
import vllm_costmeter.cli.main as command
command._dispatch = lambda words: os.kill(os.getpid(), signal.SIGINT) or 0
from vllm_costmeter.cli.start import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("code", "ends"), [(WHILE_IMPORTING, -signal.SIGINT), (WHILE_RUNNING, 130)], ids=["importing", "running"]
)
def test_ctrl_c_prints_nothing(code: str, ends: int) -> None:
    """Neither in the first milliseconds nor later: shells show 130 for both."""
    restored = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", restored], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (ends, "", "")


def test_the_installed_command_starts_there() -> None:
    """As pyproject.toml says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"]["costmeter"] == "vllm_costmeter.cli.start:main"
