"""docs/compatibility.md: each vLLM release and what works with it, from recorded answers and the plugin's own list."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from scripts.install.recipe import VLLM_VERSION
from vllm_costmeter.core.release import NEWEST_KNOWN, OLDEST_SUPPORTED, Version
from vllm_costmeter.sources.vllm.touched import CALLS, CONFIGURATION, HOOKS, STATISTICS, WITHOUT, WORKERS

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
FLAGS = Path(__file__).resolve().parents[2] / "vllm_costmeter" / "sources" / "vllm_cli" / "flags.json"
TOUCHED = (*HOOKS, *CALLS, *CONFIGURATION, *STATISTICS, *WORKERS)
REAL_SERVER = ".".join(VLLM_VERSION.split(".")[:2])
"""The release that the tests serve with."""

INTRODUCTION = f"""\
# vLLM releases and what works with them

From 0.{OLDEST_SUPPORTED[1]} to 0.{NEWEST_KNOWN[1]}; a newer release is taken for 0.{NEWEST_KNOWN[1]}, with a note.

- **run**: that release's own code ran in a test, or its own pages are recorded and read there;
- **read**: its sources were read, and the plugin probes what it needs when a server starts;
- **no**: the release does not offer it;
- nothing: no answer of that release is recorded.

Only **vLLM {VLLM_VERSION}'s CPU build** served in the tests (`make test`), with Python 3.11; no CUDA or ROCm server was
started here. Memory on GPUs is held against what others logged: the last column counts those starts,
[accuracy.md](accuracy.md) has each with its error.
"""


def compatibility() -> str:
    """The page."""
    minors = [f"0.{minor}" for minor in range(OLDEST_SUPPORTED[1], NEWEST_KNOWN[1] + 1)]
    columns = _columns()
    lines = [INTRODUCTION, f"| vLLM | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for minor in reversed(minors):
        lines.append(f"| {minor} | {' | '.join(cells.get(minor, '') for cells in columns.values())} |")
    return "\n".join([*lines, "", *_notes()]) + "\n"


def _columns() -> dict[str, dict[str, str]]:
    """Title -> the cell of each release."""
    every = [f"0.{minor}" for minor in range(OLDEST_SUPPORTED[1], NEWEST_KNOWN[1] + 1)]
    parsed = {_minor(each) for each in json.loads(FLAGS.read_text())["releases"]}
    counted = {path.stem for path in (DATA / "vllm_stats").glob("0.*.json")}
    pages = [path.name.split("_") for path in (DATA / "engines").glob("vllm*_*.txt")]
    seen = {_minor(page[1]) for page in pages if page[0] == "vllm"}
    plans = {_minor(row["answer"]["counts"]["vllm_version"]) for row in _rows("older_versions.jsonl")}
    plans |= {path.stem.rsplit("_", 1)[1] for path in DATA.glob("families_vllm_*.jsonl")}
    logged = Counter(map(_minor, _logged()))
    return {
        "flags and defaults of `vllm serve`": {each: "run" for each in every if each in parsed},
        "tokens from its statistics": {each: "run" for each in every if each in counted},
        "the meter in a server": {each: "run" if each == REAL_SERVER else "read" for each in every},
        "`GET /costmeter`": _part("endpoint", every),
        "tenants, prices of requests": _part("tenants", every),
        "`exporter` on its page": dict.fromkeys(seen, "run"),
        "on its Rust front end's": {_minor(page[1]): "run" for page in pages if page[0] == "vllm-rust"},
        "weights and KV plans by its own code": dict.fromkeys(plans, "run"),
        "logged starts": {each: str(logged[each]) for each in every if logged[each]},
    }


def _part(part: str, every: list[str]) -> dict[str, str]:
    """A part of the plugin in the releases that have all of what it needs."""
    needs = [row.since for row in TOUCHED if part in row.parts.split()]
    since: Version = max(needs)
    return {
        each: "no" if (0, int(each.split(".")[1]), 0) < since else "run" if each == REAL_SERVER else "read"
        for each in every
    }


def _rows(name: str) -> Iterator[Any]:
    return (json.loads(line) for line in (DATA / name).read_text().splitlines() if line)


def _logged() -> Iterator[str]:
    """The release of each start that somebody logged."""
    with (DATA / "corpus" / "boots_vllm_0.19.0_h100.csv").open() as file:
        yield from (row["vllm"] for row in csv.DictReader(file))
    for name in ("corpus/cases.yaml", "wild/starts.yaml", "wild/public_logs.yaml"):
        read = yaml.safe_load((DATA / name).read_text())
        for row in read["cases"] if isinstance(read, dict) else read:
            yield str(row.get("vllm") or row.get("vllm_version") or "")


def _minor(text: str) -> str:
    found = re.match(r"v?(0\.\d+)", text)
    return found[1] if found else ""


def _notes() -> Iterator[str]:
    """What is lost where a release lacks what the plugin hooks into."""
    yield "Without what a release lacks:"
    yield ""
    for row in HOOKS:
        if row.since > OLDEST_SUPPORTED:
            lost = "; ".join(WITHOUT[part] for part in row.parts.split())
            yield f"- before 0.{row.since[1]} (`{row.module}.{row.names}`) {lost}."
    yield ""
    yield "How a new release is read and recorded: [upstream/README.md](upstream/README.md)."
