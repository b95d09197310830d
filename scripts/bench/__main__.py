"""Measure what meter and check cost and write docs/benchmarks.md: `make bench`, about thirteen minutes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from scripts.bench import report, throughput
from scripts.bench.machine import require_quiet
from scripts.servers.tiny_model import make_tiny_model

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".demo" / "bench"


def main() -> None:
    """Each part, then the report."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    model = make_tiny_model(ROOT / ".demo" / "tiny-llama")
    WORK.mkdir(parents=True, exist_ok=True)
    require_quiet()
    measured = {}
    for name in (
        "check_cost",
        "beside_kvfit",
        "record_cost",
        "start_cost",
        "sampler_cost",
        "week_memory",
        "ledger_cost",
        "request_cost",
    ):
        measured[name] = in_a_process_of_its_own(name, model)
        print(f"  {name}: {measured[name]}", flush=True)
    measured["throughput"] = compared = throughput.compare(model, WORK)
    tokens, cpu = compared["paired_difference"], compared["paired_cpu_difference"]
    print(
        f"  throughput: {tokens['median']:+.2%} in the median, processor time per request {cpu['median']:+.2%}"
    )
    report.write(ROOT / "docs", measured)
    print("  written: docs/benchmarks.md, docs/benchmarks.json")


def in_a_process_of_its_own(name: str, model: Path) -> dict[str, Any]:
    """The JSON on the last line that `bench/NAME.py` prints."""
    command = [sys.executable, "-m", f"scripts.bench.{name}", model]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-4000:]}")
    measured: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


if __name__ == "__main__":
    main()
