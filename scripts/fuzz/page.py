"""What the fuzzer counted, as a section of docs/reliability.md."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from scripts.fuzz.readers import READERS
from scripts.pages.marked_section import MarkedSection

RESULTS = ".counted.json"
SECTION = MarkedSection("fuzz", "Fuzzing", "python -m scripts.fuzz --page")
TEXT = """
{total:,} inputs, {findings}. An input is a mutation of a real file (bytes, words, lines, nodes of its JSON), or of an
earlier input. Guided by atheris, that is one that ran a branch of our code not run before; guided by outcomes, as every
run without atheris, one that ended in a way not seen before. Such a row says why (older ones do not). Each reader runs
in a process of its own until it has had 100,000 or its time is over. A finding is an exception other than our own
one-line errors, an error longer than 1,000 characters, more than 1 s of processor time for an input (in each of three
readings), or more than 200 MiB above what reading the seeds took.

| what | guided by | inputs | read | ways to end | slowest | findings | on | seed |
|---|---|---|---|---|---|---|---|---|
{rows}
"""


def write_page(folder: Path, page: Path) -> None:
    """Writes the section, or adds it to a page without one. A reader without a count keeps the row that it has."""
    old = SECTION.read(page.read_text("utf-8")) if page.exists() else ""
    kept = {line.split(" | ")[0].removeprefix("| "): line for line in old.splitlines()}
    rows = []
    for name, reader in READERS.items():
        file = folder / f"{name}{RESULTS}"
        if file.exists():
            rows.append(_row(reader.what, json.loads(file.read_text())))
        else:
            rows.append(kept.get(reader.what, f"| {reader.what} | not counted yet | 0 | | | | 0 | | |"))
    SECTION.write(page, _text(rows))


def _text(rows: list[str]) -> str:
    findings = sum(_number(row, 7) for row in rows)
    return TEXT.format(
        total=sum(_number(row, 3) for row in rows),
        findings=f"{findings} findings" if findings else "no findings left",
        rows="\n".join(rows),
    )


def _number(row: str, cell: int) -> int:
    return int(re.split(r" ?\| ?", row)[cell].replace(",", ""))


def _guided_by(each: dict[str, Any]) -> str:
    engine, why = each.get("engine", "outcomes"), each.get("why")
    return f"{engine} ({why})" if why else engine


def _row(what: str, each: dict[str, Any]) -> str:
    cells = (
        what,
        _guided_by(each),
        f"{each['inputs']:,}",
        f"{each['read'] / max(each['inputs'], 1):.0%}",
        f"{each.get('outcomes', 0):,}",
        f"{each['slowest_seconds']:.2f} s",
        str(len(each["findings"])),
        each["on"],
        str(each["seed"]),
    )
    return f"| {' | '.join(cells)} |"
