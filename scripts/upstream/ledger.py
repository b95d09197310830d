"""The reason for each stop: reasons written by hand (refusals.toml), and the stops they match (stops.csv)."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from scripts.upstream.releases import Key, Span, version

HERE = Path(__file__).resolve().parent
REASONS = HERE / "refusals.toml"
STOPS = HERE / "stops.csv"
CLASSES = ("configuration", "memory", "unknowable", "internal", "elsewhere")
KNOWABLE = ("configuration", "memory")
_MESSAGE, _CONDITION = 100, 140
"""Longest message and condition in the file, in characters; conditions only for common causes. `refusals.py
list` prints all in full."""
_OFTEN_MET = 2


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause of refusals. `match`: (module, function, message) patterns."""

    id: str
    kind: str
    what: str
    match: tuple[tuple[re.Pattern[str], ...], ...] = field(repr=False)
    modelled: str | None = None
    where: str | None = None
    priority: int | None = None
    seen: str | None = None
    releases: str | None = None

    @property
    def is_knowable(self) -> bool:
        return self.kind in KNOWABLE

    def covers(self, key: Key) -> bool:
        texts = (f"{key.module} {key.exception}", key.function, key.message)
        return any(
            all(pattern.search(text) for pattern, text in zip(row, texts, strict=False)) for row in self.match
        )


class Row(NamedTuple):
    """One line of stops.csv."""

    reason: str
    module: str
    function: str
    exception: str
    message: str
    condition: str
    first: str
    last: str


def read_reasons(path: Path = REASONS) -> tuple[Reason, ...]:
    """In the order of the file, which sets their precedence. ValueError for an invalid class or id."""
    found = tuple(_reason(row) for row in tomllib.loads(path.read_text())["reason"])
    if len({reason.id for reason in found}) != len(found):
        raise ValueError(f"{path.name}: an id stands twice")
    return found


def _reason(row: Mapping[str, object]) -> Reason:
    values = dict(row)
    kind = values.pop("class")
    if kind not in CLASSES or (kind in KNOWABLE) != ("modelled" in values):
        raise ValueError(
            f"{values['id']}: class {kind!r}; modelled is stated of what can be known, of nothing else"
        )
    patterns = [str(text).split("::") for text in values.pop("match")]  # type: ignore[attr-defined]
    match = tuple(tuple(re.compile(part.strip()) for part in parts) for parts in patterns)
    return Reason(kind=str(kind), match=match, **values)  # type: ignore[arg-type]


def classify(spans: Mapping[Key, Span], reasons: Sequence[Reason]) -> list[Row]:
    """One row per stop, sorted by module; every stop has a reason, because the last one matches all."""
    rows = []
    for key, span in spans.items():
        reason = next(reason for reason in reasons if reason.covers(key))
        condition = span.condition[:_CONDITION] if (reason.priority or 9) <= _OFTEN_MET else ""
        message = key.message[:_MESSAGE]
        rows.append(
            Row(reason.id, key.module, key.function, key.exception, message, condition, span.first, span.last)
        )
    return sorted(rows, key=lambda row: (row.module, row.function, row.message, version(row.first)))


def write_stops(rows: Iterable[Row], reasons: Sequence[Reason], path: Path = STOPS) -> None:
    """Stops that no configuration reaches on CUDA are one row per module, with a count as the message."""
    shown, counted = [], dict[tuple[str, str], int]()
    for row in rows:
        if is_counted(row.reason, reasons):
            counted[row.reason, row.module] = counted.get((row.reason, row.module), 0) + 1
        else:
            shown.append(row)
    write_rows(shown, counted, path)


def is_counted(reason: str, reasons: Sequence[Reason]) -> bool:
    """Whether statements of this reason are only counted."""
    return any(each.id == reason and each.kind in ("internal", "elsewhere") for each in reasons)


def write_rows(rows: Iterable[Row], counted: Mapping[tuple[str, str], int], path: Path = STOPS) -> None:
    """`counted`: statements by (reason, module)."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(rows)
        for (reason, module), count in sorted(counted.items()):
            writer.writerow((reason, module, "*", "", str(count), "", "", ""))


def read_stops(path: Path = STOPS) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return [Row(**line) for line in csv.DictReader(file)]


def span_of(rows: Iterable[Row]) -> tuple[str, str] | None:
    """The first and last release of a reason's stops; None if no statement matches."""
    rows = list(rows)
    if not rows:
        return None
    return min((row.first for row in rows), key=version), max((row.last for row in rows), key=version)
