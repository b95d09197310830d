"""The measured numbers as docs/benchmarks.json and as the page that the README quotes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from machine import this_machine

PAGE = """\
# What the meter costs the server

Measured by `make bench` on {date}: vLLM {vllm}, {processor}, {cores} cores, Python {python}.

| what | measured |
|---|---|
| one `record()` of the meter, 256 running and 8 finished requests | {ours:.1f} µs |
| one `record()` of vLLM's own Prometheus logger on the same statistics | {theirs:.1f} µs |
| the first as a share of the second | {ratio:.1%} |
| the sampler's thread, once a second, of one core | {sampler:.3%} |
| memory after a simulated week on eight cards, more than after its first day | {growth:+.2f} MiB |
| throughput of `vllm bench serve` with the meter against without it, median of {pairs} pairs | {difference:+.2%} |
| the middle half of those pairs | {low:+.2%} to {high:+.2%} |
| processor time of the API server's process per token, with against without, median of the pairs | {work:+.2%} |
| the middle half of those pairs | {work_low:+.2%} to {work_high:+.2%} |
| what the fit check adds to the start of a server | {start:.2f} s |

The two servers of a pair run on one machine and are driven in turn, in alternating order. What else runs on the
machine moves the throughput; the processor time of the process in which the meter runs it hardly moves. The numbers of
every run are in [benchmarks.json](benchmarks.json).
"""


def write(folder: Path, measured: dict[str, Any]) -> None:
    """Both files, in `folder`. `measured` is keyed by what the parts of the benchmark are called."""
    machine = this_machine()
    (folder / "benchmarks.json").write_text(json.dumps({"machine": machine, **measured}, indent=2) + "\n")
    record, throughput = measured["record_cost"], measured["throughput"]["tokens_per_second"]
    processor = measured["throughput"]["processor_seconds_per_token"]["paired_difference"]
    low, high = throughput["paired_difference"]["quartiles"]
    work_low, work_high = processor["quartiles"]
    page = PAGE.format(
        **machine,
        ours=record["seconds_per_call"]["costmeter"] * 1e6,
        theirs=record["seconds_per_call"]["vllm"] * 1e6,
        ratio=record["ratio"],
        pairs=len(throughput["with"]),
        difference=throughput["paired_difference"]["median"],
        low=low,
        high=high,
        work=processor["median"],
        work_low=work_low,
        work_high=work_high,
        start=measured["start_cost"]["seconds"],
        sampler=measured["sampler_cost"]["share_of_a_core"],
        growth=measured["week_memory"]["growth_bytes"] / 2**20,
    )
    (folder / "benchmarks.md").write_text(page)
