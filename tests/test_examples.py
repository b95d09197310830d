"""Every example runs, or says in its first lines what it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
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


@pytest.mark.parametrize(("slower", "status"), [(1.0, 0), (1.2, 1), (1.03, 0)])
def test_the_cost_gate_of_the_workflow_fails_only_what_is_dearer(
    slower: float, status: int, tmp_path: Path
) -> None:
    """Its last script on results of both sides; at the limit itself it warns."""
    steps = yaml.safe_load((EXAMPLES / "cost_gate.yml").read_text())["jobs"]["gate"]["steps"]
    script = next(step["run"] for step in steps if step.get("name") == "Gate")
    for side, rate in (("main", 2000.0), ("current", 2000.0 / slower)):
        (tmp_path / "results" / side).mkdir(parents=True)
        for run in range(3):
            mean = rate + run + len(side) / 10
            rates = {"output_throughput": mean, "total_token_throughput": 5 * mean}
            text = json.dumps({"duration": 60 - run / 10, "completed": 600, **rates})
            (tmp_path / "results" / side / f"run-{run}.json").write_text(text)
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=tmp_path,
        env={**BESIDE_PYTHON, "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "the limit of +3 %" in (tmp_path / "summary.md").read_text()
    assert ("::warning::" in done.stdout) == (slower == 1.03)


def test_every_example_says_what_it_needs() -> None:
    """The first lines of each file say where it runs or what it needs."""
    for path in EXAMPLES.iterdir():
        if path.is_file():
            head = " ".join(path.read_text().splitlines()[:2])
            assert "Runs" in head or "Needs" in head, path.name
