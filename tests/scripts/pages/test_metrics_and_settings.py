"""The committed documentation is what the tables in the code say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_metric_and_setting_pages_are_current() -> None:
    """Nobody reads of a metric or a setting that does not exist, or misses one that does."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.pages.metrics_and_settings", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
