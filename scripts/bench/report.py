"""The measured numbers as docs/benchmarks.json and as the page that the README quotes."""

from __future__ import annotations

import datetime
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

PAGE = """\
# What the meter costs the server

Measured by `make bench` on {date}: vLLM {vllm}, {processor}, {cores} cores, Python {python}.

| what | measured |
|---|---|
| one `record()` of the meter, 256 running and 8 finished requests | {ours:.1f} µs |
| one `record()` of vLLM's own Prometheus logger on the same statistics | {theirs:.1f} µs |
| the first as a share of the second | {ratio:.1%} |
| throughput of `vllm bench serve` with the meter against without it, median of {pairs} pairs | {difference:+.2%} |
| the middle half of those pairs | {low:+.2%} to {high:+.2%} |
| what the fit check adds to the start of a server | {start:.2f} s |

The two servers of a pair run on one machine and are driven in turn, in alternating order. The numbers of every run are
in [benchmarks.json](benchmarks.json).
"""


def write(folder: Path, record: dict[str, Any], start: dict[str, Any], throughput: dict[str, Any]) -> None:
    """Both files, in `folder`."""
    machine = {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "vllm": version("vllm"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    everything = {"machine": machine, "record": record, "start": start, "throughput": throughput}
    (folder / "benchmarks.json").write_text(json.dumps(everything, indent=2) + "\n")
    low, high = throughput["paired_difference"]["quartiles"]
    page = PAGE.format(
        **machine,
        ours=record["seconds_per_call"]["costmeter"] * 1e6,
        theirs=record["seconds_per_call"]["vllm"] * 1e6,
        ratio=record["ratio"],
        pairs=len(throughput["tokens_per_second"]["with"]),
        difference=throughput["paired_difference"]["median"],
        low=low,
        high=high,
        start=start["seconds"],
    )
    (folder / "benchmarks.md").write_text(page)


def processor() -> str:
    """The processor's name, as the kernel knows it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
