"""docs/mutations.md: what was counted, and each survivor with its answer."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

ANSWERS = Path(__file__).with_name("answers.toml")
PAGE = """\
# Faults that the tests notice

Written by `python -m scripts.mutations --page`, from {count} faults put into `vllm_costmeter/core` on {on} (seed
{seed}, at random from all that the operators of scripts/mutations can make: a comparison, a sign, a number, a branch,
`min` for `max`, `and` for `or`). A fault is killed if a test of its room fails, or one of the answers that rest on it.

**{share:.1%} are killed** ({killed} of {count}). When they were first tried, {at_first:.1%} were: tests were written
for what survived, so only a sample with another seed tells how many of the other faults are noticed.

| room | faults | killed |
|---|---|---|
{rooms}

## Survivors

{survivors}
"""


def write_page(counted: Path, page: Path) -> None:
    """Each survivor has its answer in answers.toml, by file and change, or is open."""
    found = json.loads(counted.read_text("utf-8"))
    rows = found["mutants"]
    answers = {(each["file"], each["before"], each["after"]): each["answer"] for each in _answers()}
    rooms = Counter(_room(row["file"]) for row in rows)
    killed = Counter(_room(row["file"]) for row in rows if not row["survived"])
    lines = []
    for row in sorted((row for row in rows if row["survived"]), key=lambda row: (row["file"], row["line"])):
        answer = answers.get((row["file"], row["before"], row["after"]), "open")
        place = row["file"].removeprefix("vllm_costmeter/core/")
        lines.append(
            f"- `{place}:{row['line']}`: `{_shown(row['before'])}` as `{_shown(row['after'])}`: {answer}"
        )
    page.write_text(
        PAGE.format(
            count=len(rows),
            on=found["on"],
            seed=found["seed"],
            killed=killed.total(),
            share=killed.total() / max(len(rows), 1),
            at_first=_share(not row.get("survived_at_first", row["survived"]) for row in rows),
            rooms="\n".join(
                f"| {room} | {count} | {killed[room] / count:.0%} |" for room, count in sorted(rooms.items())
            ),
            survivors="\n".join(lines) or "None.",
        ),
        "utf-8",
    )


def _share(values: Iterable[bool]) -> float:
    found = list(values)
    return sum(found) / max(len(found), 1)


def _answers() -> list[dict[str, str]]:
    rows: list[dict[str, str]] = (
        tomllib.loads(ANSWERS.read_text("utf-8")).get("survivor", []) if ANSWERS.exists() else []
    )
    return rows


def _room(file: str) -> str:
    return file.split("/")[2]


def _shown(code: str) -> str:
    text = " ".join(code.split()).replace("`", "'")
    return text if len(text) <= 100 else f"{text[:97]}..."
