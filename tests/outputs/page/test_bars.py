"""The bars of a report, by hour or day."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from ledgers import NOON, usage, write

from vllm_costmeter.cli.report import ledger_report
from vllm_costmeter.core.ledger.tenants import IdleDivision
from vllm_costmeter.outputs.page.bars import every_time, stacked_bars


def test_a_day_without_costs_is_a_gap() -> None:
    """As is an hour; a month's end is no end."""
    assert every_time(["2026-11-29", "2026-12-02"]) == [
        "2026-11-29",
        "2026-11-30",
        "2026-12-01",
        "2026-12-02",
    ]
    assert every_time(["2026-11-29T23:00Z", "2026-11-30T01:00Z"]) == [
        "2026-11-29T23:00Z",
        "2026-11-30T00:00Z",
        "2026-11-30T01:00Z",
    ]
    assert every_time(["2026-11-29"]) == ["2026-11-29"]
    assert every_time([]) == []


def test_bars_stand_at_their_times_and_the_axis_is_exact(tmp_path: Path) -> None:
    """The second bar is three days after the first; half of the highest amount is not rounded to another amount."""
    path = write(tmp_path / "ledger.sqlite3", {NOON: usage(0.11), NOON + 3 * 86_400: usage(0.05)})
    since, until = (datetime.fromtimestamp(NOON + days * 86_400, UTC) for days in (-1, 5))
    drawn = stacked_bars(ledger_report([path], since, until, ("day", "model"), IdleDivision()))
    first, second = (float(x) for x in re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="48', drawn))
    assert second - first == (1130 - 70) / 4 * 3
    assert re.findall(r">(\$[\d.]+)<", drawn) == ["$0.00", "$0.0825", "$0.165"]
