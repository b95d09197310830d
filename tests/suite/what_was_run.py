"""The table at the end of a run: what ran, what was left out, and why. Nothing is left out silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import pytest

OUTCOMES = ("passed", "failed", "error", "skipped")
HEADER = ("part", "passed", "failed", "skipped", "seconds")


@dataclass
class Part:
    """The tests of one folder."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    """Why tests were skipped, and how many for each reason."""


def part_of(nodeid: str) -> str:
    """tests/core, tests/e2e/metered, tests/e2e/test_wheel.py: the folder, and in e2e the unit that has its servers."""
    parts = PurePosixPath(nodeid.partition("::")[0]).parts
    kept = 3 if parts[1:2] == ("e2e",) else 2
    return "/".join(parts[:kept])


def parts_of(reports: Mapping[str, Iterable[object]]) -> dict[str, Part]:
    """The parts in the order of their names, from the terminal's reports by outcome ("": set-ups and tear-downs)."""
    parts: dict[str, Part] = {}
    for outcome in ("", *OUTCOMES):
        for report in reports.get(outcome, ()):
            if not isinstance(report, pytest.TestReport):
                continue
            part = parts.setdefault(part_of(report.nodeid), Part())
            part.seconds += report.duration
            if outcome:
                part.counts["failed" if outcome == "error" else outcome] += 1
            if outcome == "skipped":
                part.reasons[reason_of(report)] += 1
    return dict(sorted(parts.items()))


def reason_of(report: pytest.TestReport) -> str:
    """What the skip said."""
    said = report.longrepr
    text = said[2] if isinstance(said, tuple) else str(said or "no reason given")
    return text.removeprefix("Skipped: ").strip()


def table(parts: Mapping[str, Part], left_out: Sequence[str] = ()) -> list[str]:
    """Lines of text; `left_out` is said below, then every skip with its reason."""
    rows = [HEADER]
    for name, part in parts.items():
        numbers = [part.counts[outcome] for outcome in ("passed", "failed", "skipped")]
        rows.append((name, *map(str, numbers), f"{part.seconds:.0f}"))
    name_width = max(len(row[0]) for row in rows)
    lines = ["".join([row[0].ljust(name_width), *(cell.rjust(9) for cell in row[1:])]) for row in rows]
    lines += [f"not run: {what}" for what in left_out]
    for name, part in parts.items():
        lines += [f"skipped: {number} of {name}: {reason}" for reason, number in sorted(part.reasons.items())]
    if not any(part.reasons for part in parts.values()):
        lines.append("skipped: nothing")
    return lines
