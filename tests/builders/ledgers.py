"""Ledgers with known content."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from vllm_costmeter.core.ledger.rows import Interval, Series
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.core.meter.shares.share import Share
from vllm_costmeter.outputs.ledger.file import LedgerFile

NOON = 1_795_262_400  # 2026-11-21T12:00:00Z
SERIES = Series("m", "H100", 2, "rental", "flag", "2026-11-01", 6.0, "node-1", "0.1.0", "0.32.0")


def usage(dollars: float = 1.0, **more: float) -> Usage:
    """`dollars` of active rental, split evenly, and half as much idle; more by column."""
    known = {
        "active_rental_usd": dollars,
        "idle_rental_usd": dollars / 2,
        "prefill_usd": dollars / 4,
        "decode_usd": dollars * 3 / 4,
        "active_gpu_seconds": 40.0,
        "idle_gpu_seconds": 20.0,
        "prompt_computed_tokens": 600,
        "generated_tokens": 100,
        "finished_requests": 3,
    }
    return Usage(**(known | more))  # type: ignore[arg-type]


def write(
    path: Path,
    minutes: Mapping[int, Usage],
    series: Series = SERIES,
    adapters: Mapping[str, float] | None = None,
    tenants: Mapping[str, float] | None = None,
) -> Path:
    """Add rows to a ledger, new or not."""
    shares = {("adapter", name): Share(usd=usd) for name, usd in (adapters or {}).items()}
    shares |= {("tenant", name): Share(usd=usd) for name, usd in (tenants or {}).items()}
    file = LedgerFile(path)
    file.add(series, {start: Interval(each, dict(shares)) for start, each in minutes.items()})  # type: ignore[arg-type]
    file.close()
    return path


def dollars(path: Path) -> float:
    """Everything in it."""
    with sqlite3.connect(path) as connection:
        sums = "+".join(
            name
            for name in Usage.__slots__
            if name.startswith(("active_", "idle_", "asleep_")) and name.endswith("_usd")
        )
        (found,) = connection.execute(f"SELECT SUM({sums}) FROM usage").fetchone()
    connection.close()
    return float(found or 0)
