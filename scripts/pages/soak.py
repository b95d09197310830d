"""Write the section on the soak of docs/reliability.md from what `make soak` recorded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scripts.pages.marked_section import MarkedSection

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, RECORD = DOCS / "reliability.md", DOCS / "reliability" / "soak.json"
SECTION = MarkedSection("soak", "Soak", "python -m scripts.pages.soak")
TITLES = {"generates": "A server that generates", "embeds": "A server that embeds"}
TEXT = """
`make soak` serves the same mixed traffic ({kinds}) to servers with every feature on (ledger, tenants, budgets, price
of each answer, OTLP, two open pages, a scrape every five seconds) and to the same servers without the plugin: vLLM's
CPU build, a tiny model, {minutes:.0f} minutes on {on}. Memory is what the processes have allocated (`Anonymous` in
`smaps_rollup`); its growth is the median slope of all pairs of samples after the first ten minutes. Every ten minutes
the generating server sleeps and wakes. The worker of vLLM's CPU build grows by hundreds of MiB an hour with and
without the plugin, so that a difference of a few says nothing there; it is not in the sum.

| | {titles} |
|---|{rules}
{rows}
"""


def soak(figures: Mapping[str, Any]) -> str:
    """The section, a column for each pair of servers."""
    kinds = [kind for kind in TITLES if kind in figures]
    columns = [_column(figures[kind]) for kind in kinds]
    rows = [f"| {name} | {' | '.join(column[name] for column in columns)} |" for name in columns[0]]
    sent = dict.fromkeys(request for kind in kinds for request in sorted(figures[kind]["requests"]))
    return TEXT.format(
        kinds=", ".join(sent),
        minutes=figures["minutes"],
        on=figures["on"],
        titles=" | ".join(TITLES[kind] for kind in kinds),
        rules="---|" * len(kinds),
        rows="\n".join(rows),
    )


def _column(pair: Mapping[str, Any]) -> dict[str, str]:
    growth = {process: _growth(held) for process, held in pair["mib_per_hour"].items()}
    return {
        "requests, with (without) the plugin": "{:,} ({:,})".format(
            sum(pair["requests"].values()), sum(pair["requests_without_the_plugin"].values())
        ),
        "requests without an answer": f"{pair['broken']}",
        "scrapes; answers to open pages": f"{pair['scrapes']:,}; {pair['answers_to_pages']:,}",
        "tokens computed, cached, generated": _numbers(pair["tokens_ours"]),
        "the same by vLLM's counters": _numbers(pair["tokens_of_vllm"]),
        "bill against price x time": f"{pair['bill_error']:+.4%}",
        "unexplained USD": f"{pair['unexplained_usd']:.1e}",
        "faults counted": f"{pair['faults']:.0f}",
        "MiB per hour of the API server, with (without)": growth["vllm"],
        "MiB per hour of the engine": growth["VLLM::EngineCor"],
        "MiB per hour of the worker, where our code runs once, at its start": growth["VLLM::Worker"],
        "MiB per hour that the plugin adds to API server and engine": f"{pair['mib_per_hour_added']:+.2f}",
        "descriptors every ten minutes, with (without)": _over_time(pair["descriptors"]),
        "threads every ten minutes, with (without)": _over_time(pair["threads"]),
    }


def _growth(held: Mapping[str, float]) -> str:
    return f"{held['with']:+.2f} ({held['without']:+.2f})"


def _numbers(values: Iterable[int]) -> str:
    return ", ".join(f"{value:,}" for value in values)


def _over_time(held: Mapping[str, Iterable[int]]) -> str:
    with_it, without = (_range(held[name]) for name in ("with", "without"))
    return f"{with_it} ({without})"


def _range(values: Iterable[int]) -> str:
    found = list(values)
    if len(set(found)) == 1:
        return f"{found[0]}, constant"
    return f"{found[0]} to {found[-1]}, at most {max(found)}"


def main() -> None:
    """Nothing is written where nothing was recorded."""
    if RECORD.exists():
        SECTION.write(PAGE, soak(json.loads(RECORD.read_text("utf-8"))))


if __name__ == "__main__":
    main()
