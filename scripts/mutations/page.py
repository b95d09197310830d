"""docs/mutations.md: what was counted for each seed, and each survivor with its answer."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from scripts.mutations.sample import Row, Sample

ANSWERS = Path(__file__).with_name("answers.toml")
EARLIER = Path(__file__).with_name("samples.json")
PAGE = """\
# Faults that the tests notice

Written by `python -m scripts.mutations --page`. Faults were put into `vllm_costmeter/core` one at a time, chosen at
random, each as likely as any other, from the {every:,} that the operators of scripts/mutations can make in six rooms: a
comparison, a sign, a number, a branch, `min` for `max`, `and` for `or`. A fault is noticed if a test of these rooms
fails, or one of what rests on them (recorded answers of vLLM, the commands of the economics); tests elsewhere are not
asked.

Tests are written for what survives, so only a sample that nobody has worked on tells how many of all faults are
noticed: the first share of each row. The second is that of the same faults under the tests of today. A sample is drawn
in a random order, so a run that ended early is still a fair, smaller sample.

| seed | on | faults | noticed before tests were written for them | noticed now |
|---|---|---|---|---|
{samples}

The tests are collected once, and each is known by the statements that it runs. For each fault the process forks, swaps
the code of the loaded functions (or rebinds the constant), and runs the tests that reach it, up to the first failure. A
fault in what ran at import is confirmed where the module is imported with it. Seed 1 was tried by importing everything
again for each fault, up to three times, which took 42 s each: an hour ended after 86 of 300. For seeds 20261129 and 2
the commands of the economics were not asked at first. Between seeds 2 and 3 tests were written from samples of single
rooms, about half of all faults: seed 3 has many of those, so its first share is above that of what nobody had looked
at, which was 92% to 98% by room.

## By room

Of {seeds}, before tests were written for it, and now. Of earlier samples only the totals above were kept.

| room | faults | noticed before | noticed now |
|---|---|---|---|
{rooms}

## Survivors

Of {seeds}.

{survivors}
"""


def write_page(samples: Sequence[Sample], every: int, page: Path) -> None:
    """Each survivor has its answer in answers.toml, by file and change, or is open. Samples that have left build/
    keep their totals in samples.json. ValueError without a sample: the page would lose what it has."""
    if not samples:
        raise ValueError("no sample was counted here yet: run `python -m scripts.mutations` first")
    totals = {int(seed): total for seed, total in json.loads(EARLIER.read_text("utf-8")).items()}
    for sample in samples:
        first, now = (sum(not lives for lives in each) for each in _lives(sample.rows))
        totals[sample.seed] = {"on": sample.on, "faults": len(sample.rows), "first": first, "now": now}
    EARLIER.write_text(json.dumps(totals, indent=1) + "\n", "utf-8")
    rows = [row for sample in samples for row in sample.rows]
    page.write_text(
        PAGE.format(
            every=every,
            seeds=" and ".join(f"seed {sample.seed}" for sample in samples),
            samples="\n".join(_total(seed, total) for seed, total in totals.items()),
            rooms="\n".join(_rooms(rows)),
            survivors="\n".join(_survivors(rows)) or "None.",
        ),
        "utf-8",
    )


def _total(seed: int, total: dict[str, int]) -> str:
    first, now = (f"{total[when] / total['faults']:.1%} ({total[when]})" for when in ("first", "now"))
    return f"| {seed} | {total['on']} | {total['faults']} | {first} | {now} |"


def _lives(rows: Sequence[Row]) -> tuple[list[bool], list[bool]]:
    return [row.survived_at_first for row in rows], [row.survived for row in rows]


def _rooms(rows: Sequence[Row]) -> list[str]:
    counts = Counter(_room(row) for row in rows)
    first = Counter(_room(row) for row in rows if not row.survived_at_first)
    now = Counter(_room(row) for row in rows if not row.survived)
    return [
        f"| {room} | {count} | {first[room] / count:.0%} | {now[room] / count:.0%} |"
        for room, count in sorted(counts.items())
    ]


def _survivors(rows: Sequence[Row]) -> list[str]:
    found = tomllib.loads(ANSWERS.read_text("utf-8"))["survivor"]
    answers = {(each["file"], each["before"], each["after"]): each["answer"] for each in found}
    lines = []
    for row in sorted((row for row in rows if row.survived), key=lambda row: (row.file, row.line)):
        place = row.file.removeprefix("vllm_costmeter/core/")
        answer = answers.get((row.file, row.before, row.after), "open")
        lines.append(f"- `{place}:{row.line}`: `{_shown(row.before)}` as `{_shown(row.after)}`: {answer}")
    return lines


def _room(row: Row) -> str:
    return row.file.split("/")[2]


def _shown(code: str) -> str:
    text = " ".join(code.split()).replace("`", "'")
    return text if len(text) <= 100 else f"{text[:97]}..."
