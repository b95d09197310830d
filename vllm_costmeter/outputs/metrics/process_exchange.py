"""What the API processes of one server tell each other: small text files, each replaced whole once a second."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from vllm_costmeter.core.meter.activity import EngineEvent
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.merge import LONGEST_SILENCE_SECONDS, ProcessTotals
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.meter.unit_prices import RequestUnitPrices

FACTS = tuple(field.name for field in fields(EngineTotals))
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
            row: dict[str, Any] = {name: getattr(totals, name) for name in FACTS}
            row["counts"] = asdict(totals.counts)
            row["events"] = [event for event in totals.events if event.seconds >= since]
            rows.append(row)
        self._replace(self._engines_file(self._rank), {"written_seconds": now_seconds, "engines": rows})

    def other_ranks(self) -> list[int]:
        """Of the processes that have written here, in this run or an earlier one, except this one."""
        found = (path.stem.rpartition("_")[2] for path in self.directory.glob("costmeter_engines_*.json"))
        return sorted(int(rank) for rank in found if rank.isdecimal() and int(rank) != self._rank)

    def read_engines(self, rank: int, now_seconds: float) -> ProcessTotals | None:
        """What another process wrote last; None of an earlier run or of another machine's clock. OSError, ValueError,
        TypeError or KeyError for a file that cannot be read or is not ours."""
        content = json.loads(self._engines_file(rank).read_text())
        written_seconds = content["written_seconds"]
        if not self._oldest_seconds <= written_seconds <= now_seconds + LONGEST_SILENCE_SECONDS:
            return None
        return ProcessTotals(rank, written_seconds, tuple(_engine(row) for row in content["engines"]))

    def write_prices(self, now_seconds: float, prices: RequestUnitPrices | None) -> None:
        """The charging process tells the others what a token costs now."""
        self._replace(self.directory / PRICES_FILE, {"written_seconds": now_seconds, "prices": prices})

    def read_prices(self) -> RequestUnitPrices | None:
        """What the charging process said last; None before it knows."""
        path = self.directory / PRICES_FILE
        if not path.exists():
            return None
        content = json.loads(path.read_text())
        if content["written_seconds"] < self._oldest_seconds or content["prices"] is None:
            return None
        return RequestUnitPrices(*content["prices"])

    def _engines_file(self, rank: int) -> Path:
        return self.directory / f"costmeter_engines_{rank}.json"

    def _replace(self, file: Path, content: object) -> None:
        temporary = file.with_name(f"{file.name}.{self._rank}.tmp")
        temporary.write_text(json.dumps(content))
        temporary.replace(file)


def _engine(row: dict[str, Any]) -> EngineTotals:
    events = tuple(EngineEvent(*event) for event in row["events"])
    return EngineTotals(**row | {"counts": StepCounts(**row["counts"]), "events": events})
