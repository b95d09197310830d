"""The ledger beside a provider's bill, by day and GPU, with likely reasons where they differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import NamedTuple

from vllm_costmeter.core.ledger.bill import BillLine
from vllm_costmeter.core.ledger.gpu_class import gpu_class
from vllm_costmeter.core.ledger.rows import DAY, UsageRow

EVERY_GPU = "(all)"
SAME_FACTOR = 0.01
"""Ratios that agree within 1 % are one factor."""
Key = tuple[int, str]


class Pair(NamedTuple):
    """One day and GPU. What one side does not have is 0 there."""

    start: int
    gpu: str
    ledger_usd: float
    bill_usd: float
    metered_hours: float
    """Of GPU time; of a shared GPU the charged part."""
    possible_hours: float
    """If every server had been up for the whole part of the day that is compared."""
    within: bool
    reasons: tuple[str, ...]

    @property
    def difference_usd(self) -> float:
        """Bill less ledger."""
        return self.bill_usd - self.ledger_usd


class Reconciliation(NamedTuple):
    """All pairs in time order, and what was left out of the bill."""

    pairs: Sequence[Pair]
    left_out: Sequence[str]

    @property
    def within(self) -> bool:
        """True if every pair is."""
        return all(pair.within for pair in self.pairs)


def reconciled(
    rows: Iterable[UsageRow], bill: Sequence[BillLine], tolerance: float, since: float, until: float
) -> Reconciliation:
    """`rows` are of a step of a day. `tolerance` is a share of the greater of the two. Where a bill names GPUs, its
    other lines (storage, traffic) are left out and said; where it names none, days are compared whole."""
    named = any(gpu_class(line.gpu) for line in bill)
    billed: dict[Key, float] = defaultdict(float)
    other_usd, others = 0.0, 0
    for line in bill:
        gpu = gpu_class(line.gpu) if named else EVERY_GPU
        if gpu is None:
            others, other_usd = others + 1, other_usd + float(line.usd)
        else:
            billed[int(line.start // DAY * DAY), gpu] += float(line.usd)
    spent: dict[Key, float] = defaultdict(float)
    hours: dict[Key, float] = defaultdict(float)
    servers: dict[Key, dict[tuple[str, str], float]] = defaultdict(dict)
    for row in rows:
        series = row.series
        key = (row.start // DAY * DAY, (gpu_class(series.gpu_name) or "unknown GPU") if named else EVERY_GPU)
        spent[key] += row.usage.usd()
        hours[key] += row.usage.gpu_seconds * series.gpu_share / 3600
        server = (series.host, series.model_name)
        servers[key][server] = max(servers[key].get(server, 0.0), series.gpus * series.gpu_share)
    possible = {
        key: sum(gpus.values()) * (min(key[0] + DAY, until) - max(key[0], since)) / 3600
        for key, gpus in servers.items()
    }
    factor = _one_factor(spent, billed, tolerance)
    pairs = []
    for key in sorted(spent.keys() | billed.keys()):
        ledger_usd, bill_usd = spent.get(key, 0.0), billed.get(key, 0.0)
        within = _near(ledger_usd, bill_usd, tolerance)
        pair = Pair(
            *key, ledger_usd, bill_usd, hours.get(key, 0.0), possible.get(key, 0.0), within, reasons=()
        )
        pairs.append(pair if within else pair._replace(reasons=tuple(_reasons(pair, tolerance, factor))))
    left_out = (
        [f"{others} line{'s' * (others != 1)} of the bill name no GPU (${other_usd:,.2f}): left out"] * (others > 0)
    )  # fmt: skip
    return Reconciliation(pairs, left_out)


def _near(one: float, other: float, tolerance: float) -> bool:
    return abs(one - other) <= tolerance * max(abs(one), abs(other)) + 1e-9


def _one_factor(spent: Mapping[Key, float], billed: Mapping[Key, float], tolerance: float) -> float | None:
    """The ratio of bill to ledger, if all days that have both agree on one that is not 1."""
    ratios = [billed[key] / usd for key, usd in spent.items() if usd > 0 and billed.get(key, 0.0) > 0]
    if len(ratios) < 2:
        return None
    middle = median(ratios)
    same = all(abs(ratio - middle) <= SAME_FACTOR * middle for ratio in ratios)
    return middle if same and not _near(1.0, middle, tolerance) else None


def _reasons(pair: Pair, tolerance: float, factor: float | None) -> Iterable[str]:
    """The likely ones, first that which explains the difference alone."""
    if pair.ledger_usd == 0 and pair.metered_hours > 0:
        yield "metered without a price"
    elif pair.metered_hours == 0:
        yield "only in the bill: no server was metered"
    elif pair.bill_usd == 0:
        yield "only in the ledger: not on this bill, or billed under another date or GPU"
    elif factor is not None:
        yield f"another price: the bill is {factor:.4g} times the ledger on every day"
    else:
        missing = pair.possible_hours - pair.metered_hours
        if missing > 0.02 * pair.possible_hours and pair.bill_usd > pair.ledger_usd:
            filled = pair.ledger_usd * pair.possible_hours / pair.metered_hours
            explains = _near(filled, pair.bill_usd, max(tolerance, SAME_FACTOR))
            yield (
                f"metered {pair.metered_hours:,.1f} of {pair.possible_hours:,.1f} GPU-hours: a server was down or "
                f"started late, which explains {'it' if explains else 'a part at most'}"
            )
            if explains:
                return
        yield f"another price: the bill is {pair.bill_usd / pair.ledger_usd:.4g} times the ledger"


def day(start: int) -> str:
    """2026-11-28."""
    return f"{datetime.fromtimestamp(start, UTC):%Y-%m-%d}"
