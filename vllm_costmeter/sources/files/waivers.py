"""A user's file of accepted risks: `[[waiver]]` tables with target, reason and expires."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.fit.report import Waiver
from vllm_costmeter.sources.files.toml import read_toml

KEYS = ("target", "reason", "expires")


def read_waivers(file: Path) -> list[Waiver]:
    """Every waiver of the file. BadInputError for a file that cannot be read, and for a missing, unknown or
    invalid entry."""
    tables = read_toml(file, "waiver file")
    for key in tables:
        if key != "waiver":
            raise BadInputError(f"{file}: unknown key {key!r:.60}: write [[waiver]] tables")
    rows = tables.get("waiver", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadInputError(f"{file}: waiver must be tables: write [[waiver]]")
    return [_waiver(f"{file}: waiver {number}", row) for number, row in enumerate(rows, 1)]


def _waiver(where: str, row: dict[str, Any]) -> Waiver:
    for key in row:
        if key not in KEYS:
            raise BadInputError(
                f"{where}: unknown key {key!r:.60}{nearest(key, KEYS)}; known: {', '.join(KEYS)}"
            )
    for key in KEYS:
        if key not in row:
            raise BadInputError(f"{where}: has no {key}; it needs {', '.join(KEYS)}")
    for key in ("target", "reason"):
        if not isinstance(row[key], str) or not row[key].strip():
            raise BadInputError(f"{where}: {key} must be a text, got {row[key]!r:.60}")
    return Waiver(row["target"].strip(), row["reason"].strip(), _day(where, row["expires"]))


def _day(where: str, value: object) -> str:
    if isinstance(value, datetime):
        value = value.date()
    try:
        return value.isoformat() if isinstance(value, date) else date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise BadInputError(
            f"{where}: expires must be a date such as 2027-01-31, got {value!r:.40}"
        ) from None
