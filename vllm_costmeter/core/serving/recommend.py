"""The cheapest deployments that serve a load within a service level, or the most load for the money.

Every layout is first bounded from below: no number of engines serves more than their capacity. Layouts are then
finished in the order of that bound, until no other can be among the cheapest.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.serving.arrivals import Latency, Loads, under_arrivals
from vllm_costmeter.core.serving.candidates import Candidate
from vllm_costmeter.core.serving.goals import ServiceLevel
from vllm_costmeter.core.serving.load import Requests

MOST_UTILISATION = 0.85
"""Of an engine's highest rate. Above it the simulation's tail is longer than calculated, and bursts make queues."""
NEGLIGIBLE_RATE = 1e-6
"""Requests per second at which nobody waits for anybody."""
BISECTIONS = 10

UsdPerMonth = Callable[[Candidate, int, float], float]
"""Of a number of engines at a utilisation."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The load and how it must be served."""

    requests: Requests
    per_second: float | None
    """None: as many as the budget pays for."""
    level: ServiceLevel
    most_gpus: int
    budget_usd_per_month: float | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One deployment: `engines` copies of a candidate."""

    candidate: Candidate
    engines: int
    per_second: float
    """Requests that all engines together receive."""
    latency: Latency
    usd_per_month: float
    limit: str
    """What keeps it from being smaller, or from serving more."""
    max_num_seqs: int

    @property
    def gpus(self) -> int:
        return self.engines * self.candidate.gpus_per_engine


@dataclass(frozen=True, slots=True)
class Miss:
    """Why a candidate does not serve the load, and how near it comes."""

    candidate: Candidate
    reason: Literal["TTFT", "TPOT", "GPUs", "budget"]
    nearest: float
    """Seconds of that latency without any load, GPUs needed, or USD per month of one engine."""
    shortfall: float
    """`nearest` over what was asked."""


@dataclass(frozen=True, slots=True)
class Found:
    """The rows, cheapest first (or most load first), and what failed."""

    rows: tuple[Recommendation, ...]
    misses: tuple[Miss, ...]


def recommend(
    candidates: Iterable[Candidate], wanted: Wanted, usd_per_month: UsdPerMonth, rows: int = 10
) -> Found:
    """The best layout of each (GPU, number of GPUs, quantization), at most `rows` of them."""
    queue: list[tuple[float, int, Candidate]] = []
    for number, candidate in enumerate(candidates):
        queue.append((_bound(candidate, wanted, usd_per_month), number, candidate))
    heapq.heapify(queue)
    best: dict[tuple[str, str, int], Recommendation] = {}
    misses: list[Miss] = []
    while queue:
        bound, _, candidate = heapq.heappop(queue)
        if len(best) >= rows and bound > sorted(_worth(each, wanted) for each in best.values())[rows - 1]:
            break
        found = _finished(candidate, wanted, usd_per_month)
        if isinstance(found, Miss):
            misses.append(found)
            continue
        key = (candidate.gpu.name, candidate.quantization, found.gpus)
        if key not in best or _rank(found, wanted) < _rank(best[key], wanted):
            best[key] = found
    ordered = sorted(best.values(), key=lambda each: _rank(each, wanted))
    return Found(tuple(ordered[:rows]), tuple(sorted(misses, key=lambda each: each.shortfall)))


def _worth(found: Recommendation, wanted: Wanted) -> float:
    """Smaller is better: dollars, or requests negated."""
    return found.usd_per_month if wanted.budget_usd_per_month is None else -found.per_second


def _rank(found: Recommendation, wanted: Wanted) -> tuple[float, float]:
    return _worth(found, wanted), found.latency.tpot_seconds()


def _bound(candidate: Candidate, wanted: Wanted, usd_per_month: UsdPerMonth) -> float:
    """`_worth` that this candidate cannot beat."""
    capacity = candidate.loads(wanted.requests).capacity * MOST_UTILISATION
    if wanted.per_second is not None:
        return usd_per_month(candidate, max(1, math.ceil(wanted.per_second / capacity)), 0.0)
    return -_affordable(candidate, wanted, usd_per_month) * capacity


def _affordable(candidate: Candidate, wanted: Wanted, usd_per_month: UsdPerMonth) -> int:
    """Engines that the budget pays for, busy all the time."""
    budget = wanted.budget_usd_per_month or 0.0
    most = _most_engines(candidate, wanted)
    engines = min(most, int(budget / max(usd_per_month(candidate, 1, 1.0), 1e-9)))
    while engines and usd_per_month(candidate, engines, 1.0) > budget:
        engines -= 1
    return engines


def _most_engines(candidate: Candidate, wanted: Wanted) -> int:
    return min(wanted.most_gpus, candidate.most_gpus) // candidate.gpus_per_engine


def _finished(candidate: Candidate, wanted: Wanted, usd_per_month: UsdPerMonth) -> Recommendation | Miss:
    loads = _within_tpot(candidate.loads(wanted.requests), wanted.level)
    idle = under_arrivals(loads, NEGLIGIBLE_RATE)
    assert idle is not None
    missed = wanted.level.missed(idle)
    if missed is not None:
        return _missed(candidate, wanted.level, missed, idle)
    if wanted.per_second is None:
        return _most_load(candidate, wanted, usd_per_month, loads)
    engines = _fewest(loads, wanted)
    if engines > _most_engines(candidate, wanted):
        gpus = engines * candidate.gpus_per_engine
        return Miss(candidate, "GPUs", gpus, gpus / min(wanted.most_gpus, candidate.most_gpus))
    latency = under_arrivals(loads, wanted.per_second / engines)
    assert latency is not None
    usd = usd_per_month(candidate, engines, latency.utilisation)
    limit = _limit(loads, wanted, wanted.per_second / max(engines - 1, 0.5), latency)
    return Recommendation(candidate, engines, wanted.per_second, latency, usd, limit, loads.most)


def _missed(candidate: Candidate, level: ServiceLevel, missed: str, idle: Latency) -> Miss:
    if missed == "TTFT":
        assert level.ttft is not None
        nearest = idle.ttft_seconds(level.ttft.share)
        return Miss(candidate, "TTFT", nearest, nearest / level.ttft.seconds)
    assert level.tpot is not None
    nearest = idle.tpot_seconds(level.tpot.share)
    return Miss(candidate, "TPOT", nearest, nearest / level.tpot.seconds)


def _within_tpot(loads: Loads, level: ServiceLevel) -> Loads:
    """With no more places than keep TPOT within its goal: --max-num-seqs lets the others wait instead."""
    if level.tpot is None or loads.tpot(loads.most) <= level.tpot.seconds:
        return loads
    low, high = 1, loads.most
    while high - low > 1:
        middle = (low + high) // 2
        if loads.tpot(middle) <= level.tpot.seconds:
            low = middle
        else:
            high = middle
    return replace(loads, places=float(low))


def _meets(loads: Loads, per_second: float, level: ServiceLevel) -> bool:
    if per_second > MOST_UTILISATION * loads.capacity:
        return False
    found = under_arrivals(loads, per_second)
    return found is not None and level.missed(found) is None


def _fewest(loads: Loads, wanted: Wanted) -> int:
    """Engines among which the load is spread so that each meets the goals: fewer requests never wait longer."""
    assert wanted.per_second is not None
    low = max(1, math.ceil(wanted.per_second / (MOST_UTILISATION * loads.capacity)))
    if _meets(loads, wanted.per_second / low, wanted.level):
        return low
    high = 2 * low
    while not _meets(loads, wanted.per_second / high, wanted.level):
        low, high = high, 2 * high
        if high > wanted.most_gpus * 64:
            return high
    while high - low > 1:
        middle = (low + high) // 2
        if _meets(loads, wanted.per_second / middle, wanted.level):
            high = middle
        else:
            low = middle
    return high


def _most_load(
    candidate: Candidate, wanted: Wanted, usd_per_month: UsdPerMonth, loads: Loads
) -> Recommendation | Miss:
    engines = _affordable(candidate, wanted, usd_per_month)
    if not engines:
        usd, budget = usd_per_month(candidate, 1, 1.0), wanted.budget_usd_per_month or 1.0
        return Miss(candidate, "budget", usd, usd / budget)
    low, high = 0.0, MOST_UTILISATION * loads.capacity
    if _meets(loads, high, wanted.level):
        low = high
    for _ in range(0 if low == high else BISECTIONS):
        middle = (low + high) / 2
        if _meets(loads, middle, wanted.level):
            low = middle
        else:
            high = middle
    latency = under_arrivals(loads, max(low, NEGLIGIBLE_RATE))
    assert latency is not None
    usd = usd_per_month(candidate, engines, latency.utilisation)
    limit = _limit(loads, wanted, low * 1.1, latency)
    return Recommendation(candidate, engines, low * engines, latency, usd, limit, loads.most)


def _limit(loads: Loads, wanted: Wanted, more_per_second: float, found: Latency) -> str:
    """What an engine with more requests would run into, and what its steps are spent on."""
    engine = loads.engine
    parts = engine.parts(max(found.running, 1.0) / engine.stages, loads.requests.mean_context)
    spent = "computing prompts" if found.prefill_share > 0.5 else parts.limit
    if more_per_second <= MOST_UTILISATION * loads.capacity:
        latency = under_arrivals(loads, more_per_second)
        missed = "TTFT" if latency is None else wanted.level.missed(latency)
        return spent if missed is None else f"{missed} goal, {spent}"
    return f"room for {loads.most} at once, {spent}" if loads.most < 32 else spent
