"""What the API processes of one server tell each other: small text files, each replaced whole once a second."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from vllm_costmeter.core.engine_totals import EngineTotals
from vllm_costmeter.core.meter.activity import EngineEvent
from vllm_costmeter.core.meter.merge import LONGEST_SILENCE_SECONDS, ProcessTotals
from vllm_costmeter.core.meter.unit_prices import RequestUnitPrices

COUNTS = tuple(field.name for field in fields(EngineTotals) if field.name != "events")
PRICES_FILE = "costmeter_request_prices.json"


class ProcessExchange:
    """The door of the process `rank` in the directory that all of them share (PROMETHEUS_MULTIPROC_DIR).

    A file of an earlier run may lie there: what was written before `started_seconds` is not read. The clock is the
    machine's monotonic one, which all processes share.
    """

    def __init__(self, directory: Path, rank: int, started_seconds: float) -> None:
        self.directory = directory
        self._rank = rank
        self._oldest_seconds = started_seconds - LONGEST_SILENCE_SECONDS

    def mine(self, now_seconds: float, engines: Sequence[EngineTotals]) -> ProcessTotals:
        """What this process knows, as the charging process merges it."""
        return ProcessTotals(self._rank, now_seconds, tuple(engines))

    def write_engines(self, now_seconds: float, engines: Sequence[EngineTotals]) -> None:
        """Shows the charging process what this one knows, with the events of the last seconds only."""
        since = now_seconds - LONGEST_SILENCE_SECONDS
        rows: list[dict[str, Any]] = []
        for totals in engines:
            row: dict[str, Any] = {name: getattr(totals, name) for name in COUNTS}
            row["events"] = [event for event in totals.events if event.seconds >= since]
            rows.append(row)
        self._replace(
            f"costmeter_engines_{self._rank}.json", {"written_seconds": now_seconds, "engines": rows}
        )

    def read_others(self, now_seconds: float) -> list[ProcessTotals]:
        """What the other processes wrote last. A file that is missing, of an earlier run or of another machine's
        clock is left out; ValueError for one that is not ours."""
        found = []
        for path in sorted(self.directory.glob("costmeter_engines_*.json")):
            rank = int(path.stem.rpartition("_")[2])
            if rank == self._rank:
                continue
            content = json.loads(path.read_text())
            if self._oldest_seconds <= content["written_seconds"] <= now_seconds + LONGEST_SILENCE_SECONDS:
                engines = tuple(_engine(row) for row in content["engines"])
                found.append(ProcessTotals(rank, content["written_seconds"], engines))
        return found

    def write_prices(self, now_seconds: float, prices: RequestUnitPrices | None) -> None:
        """The charging process tells the others what a token costs now."""
        self._replace(PRICES_FILE, {"written_seconds": now_seconds, "prices": prices})

    def read_prices(self) -> RequestUnitPrices | None:
        """What the charging process said last; None before it knows."""
        path = self.directory / PRICES_FILE
        if not path.exists():
            return None
        content = json.loads(path.read_text())
        if content["written_seconds"] < self._oldest_seconds or content["prices"] is None:
            return None
        return RequestUnitPrices(*content["prices"])

    def _replace(self, name: str, content: object) -> None:
        temporary = self.directory / f"{name}.{self._rank}.tmp"
        temporary.write_text(json.dumps(content))
        os.replace(temporary, self.directory / name)  # noqa: PTH105 (atomic, and the name is the point)


def _engine(row: dict[str, Any]) -> EngineTotals:
    events = tuple(EngineEvent(*event) for event in row.pop("events"))
    return EngineTotals(**row, events=events)
