"""Data exchange between the API processes of one server: small text files, replaced as a whole once a second."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vllm_costmeter.core.dataclass import asdict, fields
from vllm_costmeter.core.meter.activity import EngineEvent
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.merge import LONGEST_SILENCE_SECONDS, ProcessTotals
from vllm_costmeter.core.meter.shares.request_work import WorkSums
from vllm_costmeter.core.meter.shares.share import Share
from vllm_costmeter.core.meter.shares.work_pools import (
    NO_CLAIM,
    NOTHING_PER_POOL,
    Claim,
    PerPool,
    RequestRates,
    Spent,
)
from vllm_costmeter.core.meter.step_counts import StepCounts


class PublishedRates(NamedTuple):
    """What requests cost as of `written_seconds` of the machine's monotonic clock."""

    written_seconds: float
    rates: RequestRates
    has_price: bool
    """Whether this server has a price; otherwise the rates have no dollars."""
    has_energy: bool
    """Whether its energy is measured; otherwise the rates have no joules."""
    latest: RequestRates = RequestRates(NOTHING_PER_POOL)
    """The rates, and for work of which all is charged what it was charged at last."""
    usd_per_second: float = 0.0
    """The server's price."""


FACTS = tuple(field.name for field in fields(EngineTotals))
RATES_FILE = "costmeter_request_rates.json"


class ProcessExchange:
    """How the process `rank` reads and writes the shared directory (PROMETHEUS_MULTIPROC_DIR).

    The directory may contain files of an earlier run: those written before `started_seconds` are ignored. Times are
    from the machine's monotonic clock, which all processes share.
    """

    def __init__(self, directory: Path, rank: int, started_seconds: float) -> None:
        self.directory = directory
        self._rank = rank
        self._oldest_seconds = started_seconds - LONGEST_SILENCE_SECONDS

    def mine(self, now_seconds: float, engines: Sequence[EngineTotals]) -> ProcessTotals:
        """This process's totals, as the charging process merges them."""
        return ProcessTotals(self._rank, now_seconds, tuple(engines))

    def write_engines(
        self,
        now_seconds: float,
        engines: Sequence[EngineTotals],
        claimed: Claim = NO_CLAIM,
        tenants: Mapping[str, Share] | None = None,
    ) -> None:
        """Publish this process's totals to the charging process, with the events of the last seconds only, and what
        its requests were charged."""
        since = now_seconds - LONGEST_SILENCE_SECONDS
        rows: list[dict[str, Any]] = []
        for totals in engines:
            row: dict[str, Any] = {name: getattr(totals, name) for name in FACTS}
            row["counts"] = asdict(totals.counts)
            row["events"] = [event for event in totals.events if event.seconds >= since]
            rows.append(row)
        self._replace(
            self._engines_file(self._rank),
            {"written_seconds": now_seconds, "engines": rows, "claimed": claimed, "tenants": tenants or {}},
        )

    def other_ranks(self) -> list[int]:
        """Ranks of the other processes that have written here, in this run or an earlier one."""
        found = (path.stem.rpartition("_")[2] for path in self.directory.glob("costmeter_engines_*.json"))
        return sorted(int(rank) for rank in found if rank.isdecimal() and int(rank) != self._rank)

    def read_engines(self, rank: int, now_seconds: float) -> ProcessTotals | None:
        """What another process wrote last; None if it is from an earlier run or another machine's clock. Raises
        OSError, ValueError, TypeError or KeyError for a file that cannot be read or is not ours."""
        content = json.loads(self._engines_file(rank).read_text())
        written_seconds = content["written_seconds"]
        if not self._oldest_seconds <= written_seconds <= now_seconds + LONGEST_SILENCE_SECONDS:
            return None
        engines = tuple(_engine(row) for row in content["engines"])
        tenants = {name: Share._make(amounts) for name, amounts in content["tenants"].items()}
        return ProcessTotals(rank, written_seconds, engines, _claim(content["claimed"]), tenants)

    def write_rates(self, rates: PublishedRates) -> None:
        """Publish the current rates from the charging process to the others."""
        self._replace(self.directory / RATES_FILE, rates)

    def read_rates(self) -> PublishedRates | None:
        """The latest rates from the charging process; None before there are any."""
        path = self.directory / RATES_FILE
        if not path.exists():
            return None
        written_seconds, (per_unit,), has_price, has_energy, (latest,), price = json.loads(path.read_text())
        if written_seconds < self._oldest_seconds:
            return None
        rates, latest_rates = (RequestRates(_per_pool(each)) for each in (per_unit, latest))
        return PublishedRates(written_seconds, rates, has_price, has_energy, latest_rates, price)

    def _engines_file(self, rank: int) -> Path:
        return self.directory / f"costmeter_engines_{rank}.json"

    def _replace(self, file: Path, content: object) -> None:
        temporary = file.with_name(f"{file.name}.{self._rank}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(temporary, flags, 0o600), "w") as written:  # names of tenants are in it
            written.write(json.dumps(content))
        temporary.replace(file)


def _engine(row: dict[str, Any]) -> EngineTotals:
    events = tuple(EngineEvent(*event) for event in row["events"])
    return EngineTotals(**row | {"counts": StepCounts(**row["counts"]), "events": events})


def _claim(content: list[Any]) -> Claim:
    spent, work = content
    return Claim(_per_pool(spent), WorkSums(*work))


def _per_pool(content: list[list[float]]) -> PerPool:
    return PerPool(*(Spent(usd, joules) for usd, joules in content))
