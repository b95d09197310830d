"""Every example runs, or says in its first lines what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from required_tool import required_tool

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
BESIDE_PYTHON = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run from the root of the checkout, with the installed `costmeter` on the PATH."""
    return subprocess.run(command, cwd=ROOT, env=BESIDE_PYTHON, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("length", "status"), [("16384", 0), ("131072", 1)])
def test_the_pipeline_check_stops_what_does_not_fit(length: str, status: int) -> None:
    """The exit code is the verdict."""
    done = run(EXAMPLES / "ci_fit_check.sh", "examples/models/llama-3.1-8b", "RTX 4090", length)
    assert done.returncode == status, done.stdout + done.stderr


def test_the_longest_context_is_printed_by_gpu() -> None:
    """One line per GPU, and a larger GPU fits a longer context."""
    done = run(sys.executable, EXAMPLES / "longest_context_by_gpu.py")
    assert done.returncode == 0, done.stderr
    lengths = [int(line.split()[-1]) for line in done.stdout.splitlines()]
    assert len(lengths) == 4
    assert lengths == sorted(lengths)
    assert lengths[0] < 131072


def test_the_cheapest_gpus_come_first() -> None:
    """One line per GPU that fits, by price."""
    done = run(sys.executable, EXAMPLES / "cheapest_gpu.py")
    assert done.returncode == 0, done.stderr
    prices = [float(line.split()[0]) for line in done.stdout.splitlines()]
    assert len(prices) == 5
    assert prices == sorted(prices)


def test_the_scrape_configuration_is_valid() -> None:
    """promtool accepts it, where there is one."""
    done = run(required_tool("promtool"), "check", "config", EXAMPLES / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_example_says_what_it_needs() -> None:
    """The first lines of each file say where it runs or what it needs."""
    for path in EXAMPLES.iterdir():
        if path.is_file():
            head = " ".join(path.read_text().splitlines()[:2])
            assert "Runs" in head or "Needs" in head, path.name
