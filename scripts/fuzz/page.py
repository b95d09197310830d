"""What the fuzzer counted, as a section of docs/reliability.md between two marks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.fuzz.readers import READERS

RESULTS = ".counted.json"
BEGIN, END = "<!-- fuzz: written by `python -m scripts.fuzz --page` -->", "<!-- fuzz: end -->"
TEXT = """
Measured on {days}, by `make fuzz`, seed {seeds}: {total:,} inputs, {findings}. An input is a mutation of a real file
(bytes, words, lines, nodes of its JSON), or of an input that ran code (atheris) or ended in a way (outcomes) not seen
before. Each reader runs in a process of its own. A finding is an exception other than our own one-line errors, an error
longer than 1,000 characters, more than 1 s of processor time for an input (3 s where lines are counted), or more than
200 MiB above what reading the seeds took.

| what | guided by | inputs | read | ways to end | slowest | findings |
|---|---|---|---|---|---|---|
{rows}
"""


def write_page(folder: Path, page: Path) -> None:
    """Replaces the section, or adds it to a page without one."""
    counted = {
        name: json.loads(file.read_text())
        for name in READERS
        if (file := folder / f"{name}{RESULTS}").exists()
    }
    section = f"{BEGIN}{_text(counted)}{END}"
    text = page.read_text("utf-8") if page.exists() else f"# Reliability\n\n## Fuzzing\n\n{BEGIN}{END}\n"
    if BEGIN not in text:
        text += f"\n## Fuzzing\n\n{BEGIN}{END}\n"
    before, _, rest = text.partition(BEGIN)
    page.write_text(before + section + rest.partition(END)[2], "utf-8")


def _text(counted: dict[str, dict[str, Any]]) -> str:
    rows = [_row(READERS[name].what, each) for name, each in counted.items()]
    findings = sum(len(each["findings"]) for each in counted.values())
    return TEXT.format(
        days=_span(each["on"] for each in counted.values()),
        seeds=_span(str(each["seed"]) for each in counted.values()),
        total=sum(each["inputs"] for each in counted.values()),
        findings=f"{findings} findings" if findings else "no findings left",
        rows="\n".join(rows),
    )


def _row(what: str, each: dict[str, Any]) -> str:
    read = each["read"] / max(each["inputs"], 1)
    cells = (
        f"{each['inputs']:,}",
        f"{read:.0%}",
        f"{each.get('outcomes', 0):,}",
        f"{each['slowest_seconds']:.2f} s",
    )
    return f"| {' | '.join((what, each.get('engine', 'outcomes'), *cells, str(len(each['findings']))))} |"


def _span(values: Any) -> str:
    found = sorted(set(values))
    return " to ".join(dict.fromkeys((found[0], found[-1]))) if found else "no day"
