"""Where `costmeter idle` gets minutes, times to start and GPUs from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from vllm_costmeter.cli.economics.idle_times import NOTHING_MEASURED, MeasuredTimes
from vllm_costmeter.cli.ledger_rows import own_ledger
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.economics.idle.cheaper_gpu import PricedGpu
from vllm_costmeter.core.economics.idle.timeline import Replica, replicas_of_ledger
from vllm_costmeter.core.ledger.periods import duration_seconds
from vllm_costmeter.core.ledger.rows import MINUTE
from vllm_costmeter.core.meter.operations import Durations, Operation
from vllm_costmeter.outputs.economics.answer import Format
from vllm_costmeter.sources.catalogue.load import Catalogue
from vllm_costmeter.sources.idle_samples.read import read_samples
from vllm_costmeter.sources.ledger.read import ledger_paths, opened_ledger
from vllm_costmeter.sources.servers import timelines
from vllm_costmeter.sources.servers.return_times import (
    measured_operations,
    process_start_seconds,
    vllm_wake_seconds,
)


@dataclass(frozen=True, slots=True)
class IdleFlags:
    """The command line."""

    ledger: list[str] | None
    from_prometheus: str | None
    from_samples: str | None
    period: str | None
    after: list[str]
    start_seconds: float | None
    wake_seconds: float | None
    wake_seconds_level_2: float | None
    request_seconds: float | None
    max_delayed: str
    gpu: str | None
    plot: Path | None
    snippet: str | None
    format: Format


DEFAULT_PERIOD = "7d"
LEARNT_FROM = timedelta(days=30)
"""Starts and wake-ups of this time count, though the period may be shorter: a server that runs on does not start."""


class Minutes(NamedTuple):
    """What a source has."""

    replicas: list[Replica]
    since: datetime
    until: datetime
    source: str
    notes: tuple[str, ...] = ()
    measured: MeasuredTimes = NOTHING_MEASURED


def read_minutes(flags: IdleFlags, now: datetime) -> Minutes:
    """Of the source that the flags name. BadInputError if it cannot be read."""
    length = (flags.period or DEFAULT_PERIOD).strip().lower()
    seconds = duration_seconds(length, "--period")
    until = int(now.timestamp()) // MINUTE * MINUTE
    since = until - seconds // MINUTE * MINUTE
    period = (datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC))
    if flags.from_prometheus is not None:
        replicas = timelines.timelines(flags.from_prometheus, since, until)
        names = timelines.gpu_names(flags.from_prometheus, length)
        took = timelines.request_seconds(flags.from_prometheus, length)
        named = [
            each._replace(gpu_name=names.get(each.model_name, ""), request_seconds=took.get(each.model_name))
            for each in replicas
        ]
        measured = MeasuredTimes(
            measured_operations(flags.from_prometheus, length),
            process_start_seconds(flags.from_prometheus),
            vllm_wake_seconds(flags.from_prometheus, length),
        )
        return Minutes(named, *period, flags.from_prometheus, measured=measured)
    if flags.from_samples is not None:
        found = read_samples(flags.from_samples)
        minutes = [minute for each in found for minute in each.steps]
        first, last = min(minutes), max(minutes) + MINUTE
        return Minutes(
            found, datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC), flags.from_samples
        )
    return _of_ledgers(ledger_paths(flags.ledger or [str(own_ledger())]), *period)


def _of_ledgers(paths: Sequence[Path], since: datetime, until: datetime) -> Minutes:
    rows = []
    operations: dict[str, dict[Operation, Durations]] = {}
    learnt_since = min(since, until - LEARNT_FROM).timestamp()
    for path in paths:
        with opened_ledger(path) as ledger:
            rows += list(ledger.rows(since.timestamp(), until.timestamp()))
            for model_name, operation, durations in ledger.operations(learnt_since, until.timestamp()):
                of_model = operations.setdefault(model_name, {})
                of_model[operation] = of_model.get(operation, Durations()).plus(durations)
    replicas = replicas_of_ledger(rows)
    coarse = [row.start for length, row in rows if length > MINUTE]
    notes = []
    if coarse:
        notes.append(
            "The ledger keeps minutes for three days and hours before that: an older hour with any request counts as "
            "busy, so less is saved here than was possible. A Prometheus has the minutes."
        )
    return Minutes(
        replicas,
        since,
        until,
        ", ".join(map(str, paths[:3])),
        tuple(notes),
        MeasuredTimes(operations, {}, None),
    )


def gpu_now(catalogue: Catalogue, replicas: Sequence[Replica], stated: str | None) -> PricedGpu | None:
    """The GPU that all servers of the model have, at the price they paid."""
    names = {replica.gpu_name for replica in replicas}
    gpu_hours = sum(len(replica.steps) * replica.gpus for replica in replicas) * MINUTE / 3600
    price = sum(replica.usd for replica in replicas) / gpu_hours
    if stated is not None:
        return PricedGpu(catalogue.find(stated), price)
    if len(names) != 1 or names == {""}:
        return None
    name = names.pop()
    spec = catalogue.for_driver_name(name) or next(iter(catalogue.matching(name)), None)
    return None if spec is None else PricedGpu(spec, price)


def priced_gpus(catalogue: Catalogue) -> Iterator[PricedGpu]:
    """Those of the catalogue, at their default rental price."""
    for gpu in catalogue.priced_gpus:
        quote = catalogue.default_price(gpu)
        if quote is not None:
            yield PricedGpu(gpu, quote.usd_per_gpu_hour)
