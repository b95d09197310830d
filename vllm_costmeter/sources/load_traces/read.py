"""Read a trace: CSV with a header, or one JSON object per line."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError, unreadable
from vllm_costmeter.core.serving.trace import Arrival, Trace, trace_of
from vllm_costmeter.sources.files.csv_fault import csv_or_fault

ARRIVAL = ("arrival_seconds", "arrival_time", "timestamp", "TIMESTAMP", "arrived_at")
PROMPT = ("prompt_tokens", "input_length", "ContextTokens", "num_prefill_tokens", "input_tokens")
OUTPUT = ("output_tokens", "output_length", "GeneratedTokens", "num_decode_tokens")
"""Our own names first, then those of Mooncake's, Azure's and Vidur's published traces (read 2026-11)."""
MILLISECONDS = frozenset({"timestamp"})
"""Mooncake's arrivals are in milliseconds."""


def read_trace(file: Path) -> Trace:
    """BadInputError for a file that cannot be read, has no such columns, or is not a load."""
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise unreadable(f"--trace {file}", fault) from None
    place = f"--trace {file}"
    if not text.strip():
        raise BadInputError(f"{place} is empty: give rows of {ARRIVAL[0]}, {PROMPT[0]} and {OUTPUT[0]}")
    is_json = text.lstrip().startswith("{")
    with csv_or_fault(place):
        rows = list(_json_rows(text, place) if is_json else csv.DictReader(text.splitlines()))
    return trace_of([_arrival(row, place, number) for number, row in enumerate(rows, 1)], place)


def _json_rows(text: str, place: str) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                raise BadInputError(f"{place}, line {number} is not a JSON object: {line[:40]!r}") from None
            if not isinstance(row, Mapping):
                raise BadInputError(f"{place}, line {number} is not a JSON object: {line[:40]!r}")
            yield row


def _arrival(row: Mapping[str, Any], place: str, number: int) -> Arrival:
    name, moment = _named(row, ARRIVAL, place)
    seconds = _seconds(moment, place, number)
    if name in MILLISECONDS:
        seconds /= 1e3
    return Arrival(
        seconds, *(_whole(_named(row, names, place)[1], place, number) for names in (PROMPT, OUTPUT))
    )


def _named(row: Mapping[str, Any], names: tuple[str, ...], place: str) -> tuple[str, Any]:
    for name in names:
        if row.get(name) not in (None, ""):
            return name, row[name]
    known = ", ".join(str(key) for key in row if key is not None)
    raise BadInputError(f"{place} has no column {names[0]} (or {', '.join(names[1:])}); it has {known[:120]}")


def _seconds(value: Any, place: str, number: int) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        try:
            seconds = datetime.fromisoformat(str(value)).timestamp()
        except (ValueError, OverflowError):
            seconds = math.nan
    if not math.isfinite(seconds):
        raise BadInputError(
            f"{place}: the arrival of request {number} is neither seconds nor a date: {value!r:.40}"
        )
    return seconds


def _whole(value: Any, place: str, number: int) -> int:
    try:
        found = float(value)
        if found.is_integer() and abs(found) < 1e9:
            return int(found)
    except (TypeError, ValueError, OverflowError):
        pass
    raise BadInputError(f"{place}: the tokens of request {number} are not a whole number: {value!r:.40}")
