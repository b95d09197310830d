"""The measured numbers as docs/benchmarks.json and as the page that the README quotes."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from scripts.bench.machine import this_machine

PAGE = """\
# Overhead of the meter, and speed of the fit check

Measured by `make bench` on {date}: vLLM {vllm}, {processor}, {cores} cores, Python {python}.

| what | measured |
|---|---|
{rows}

Both servers of a pair run on one core of the machine. `vllm bench serve` drives them one at a time from another core,
in alternating order, while the other server is stopped; half of the pairs use a second start of both. The interval is
from the sign test, which holds for any distribution. The numbers of every run are in
[benchmarks.json](benchmarks.json).
"""


def write(folder: Path, measured: dict[str, Any]) -> None:
    """Both files, in `folder`. `measured` is keyed by what the parts of the benchmark are called."""
    machine = this_machine()
    (folder / "benchmarks.json").write_text(json.dumps({"machine": machine, **measured}, indent=2) + "\n")
    rows = "\n".join(f"| {what} | {value} |" for what, value in rows_of(measured))
    (folder / "benchmarks.md").write_text(PAGE.format(**machine, rows=rows))


def rows_of(measured: dict[str, Any]) -> list[tuple[str, str]]:
    """What the table says, row by row."""
    check, record, throughput = (measured[name] for name in ("check_cost", "record_cost", "throughput"))
    beside = measured["beside_kvfit"]
    growth = measured["week_memory"]["growth_bytes"] / 2**20
    seconds, cpu = record["seconds_per_call"], throughput["server_cpu_seconds_per_request"]
    tokens, work = throughput["paired_difference"], throughput["paired_cpu_difference"]
    pairs = len(throughput["tokens_per_second"]["with"])
    thousand, process = check["thousand"], check["process"]
    heavy = ", ".join(process["heavy_modules"]) or "none of torch, transformers, vllm"
    return [
        (
            "one `record()` of the meter, 256 running and 8 finished requests",
            f"{seconds['costmeter'] * 1e6:.1f} µs",
        ),
        (
            "one `record()` of vLLM's own Prometheus logger on the same statistics",
            f"{seconds['vllm'] * 1e6:.1f} µs",
        ),
        ("the first relative to the second", f"{record['ratio']:.1%}"),
        (
            "CPU usage of the meter's thread, in one core",
            f"{measured['sampler_cost']['share_of_a_core']:.3%}",
        ),
        (
            "growth in memory from the first to the seventh day of a simulated week with eight GPUs",
            f"{growth:+.2f} MiB",
        ),
        *_ledger_rows(measured["ledger_cost"]),
        *_request_rows(measured["request_cost"]),
        (
            f"throughput with the meter relative to without it, median of {pairs} pairs",
            f"{tokens['median']:+.2%}",
        ),
        ("95 % confidence interval of that median", _span(tokens["confidence"])),
        ("the middle half of those pairs", _span(tokens["quartiles"])),
        (
            "CPU time of the server per request, without and with the meter",
            f"{statistics.median(cpu['without']) * 1e3:.2f} ms, {statistics.median(cpu['with']) * 1e3:.2f} ms",
        ),
        ("difference in CPU time, median of the pairs", f"{work['median']:+.2%}"),
        ("95 % confidence interval of that median", _span(work["confidence"])),
        ("time the fit check adds to the start of a server", f"{measured['start_cost']['seconds']:.2f} s"),
        (
            "a whole `costmeter check` process on a local config, median (middle half)",
            f"{process['median_seconds']:.2f} s ({' to '.join(f'{each:.2f}' for each in process['quartile_seconds'])})",
        ),
        ("heavy modules it imports", heavy),
        ("modules of its own it imports", str(beside["modules"])),
        (
            "its processor time against an empty interpreter's (`python -c 'import json, argparse'`), median of pairs",
            _times(beside["empty_interpreters"]),
        ),
        ("against kvfit 0.3's on the same config.json, median of pairs", _times(beside["kvfit"])),
        (
            "what the base install adds to an empty environment",
            f"{beside['base_install_bytes'] / 1e6:.1f} MB",
        ),
        (
            f"{sum(thousand['verdicts'].values()):,} checks of {thousand['configurations']} published "
            "configurations in one process, verdict and bytes",
            f"{thousand['verdict_seconds']:.1f} s",
        ),
        (
            "the same, including the command's suggestions for the "
            f"{thousand['verdicts'].get('refused', 0)} refused",
            f"{thousand['seconds']:.1f} s",
        ),
    ]


def _request_rows(requests: dict[str, Any]) -> list[tuple[str, str]]:
    per_request = requests["microseconds_per_request"]
    return [
        (
            "telling one streamed chat request's tenant, by key, header and user together",
            f"{per_request['ours']:.0f} µs",
        ),
        (
            f"vLLM's request and answer classes and output processor for it, {requests['streams']:,} at once, without "
            "HTTP, tokenizer and engine",
            f"{per_request['vllm']:.0f} µs",
        ),
        (
            f"memory of {requests['streams']:,} open requests that are followed",
            f"{requests['open_requests_bytes'] / 2**20:.1f} MiB",
        ),
    ]


def _ledger_rows(ledger: dict[str, Any]) -> list[tuple[str, str]]:
    slowest = max(ledger["report_seconds"].values())
    return [
        (
            "one write of the ledger, every five seconds on its own thread",
            f"{ledger['write_seconds'] * 1e3:.2f} ms",
        ),
        ("a ledger with a year of 50 models", f"{ledger['year_bytes'] / 1e6:.0f} MB"),
        (
            "`costmeter report` over it by model, day or state, the slowest (an empty interpreter beside it)",
            f"{slowest:.2f} s ({ledger['interpreter_seconds']:.2f} s)",
        ),
    ]


def _times(compared: dict[str, Any]) -> str:
    low, high = compared["confidence"]
    return f"{compared['ratio']:.2f} times ({low:.2f} to {high:.2f})"


def _span(bounds: list[float]) -> str:
    return " to ".join(f"{each:+.2%}" for each in bounds)
