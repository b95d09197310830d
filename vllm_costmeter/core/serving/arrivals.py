"""Latency of one engine under random arrivals: how long requests wait, and what they then see.

The requests in the engine are a birth-death process: Poisson arrivals, and departures at the rate that the engine
reaches with as many requests in flight (a station with load-dependent service; Kleinrock, Queueing Systems, volume 1,
1975, section 3). Those beyond the places in the batch wait for one. A request then waits for the step that runs, and
for the prompts before its own, which are computed one after another (Pollaczek and Khinchine's mean wait, with an
exponential tail).
"""

from __future__ import annotations

import math

from vllm_costmeter.core.dataclass import Memo, dataclass, field
from vllm_costmeter.core.serving.load import Requests, Served, served
from vllm_costmeter.core.serving.normal import normal_quantile
from vllm_costmeter.core.serving.step import Engine

GRID_STEPS = 2
"""Points per doubling of the requests in flight; between them throughput is interpolated."""
BUSIEST = 0.98
"""Share of the highest rate beyond which a queue is called endless: the wait then depends on luck."""
LEAST_CHANCE = 1e-7
"""States less likely than this, against the likeliest, are left out."""


@dataclass(frozen=True, slots=True)
class Loads:
    """One engine at every number of requests in flight up to its places, and at any rate of arrivals."""

    engine: Engine
    requests: Requests
    places: float
    """Requests that the batch has room for: in the KV cache, and by --max-num-seqs."""
    ranks: int = 1
    """Data-parallel ranks that share their experts: one engine, of which everything else here is one rank."""
    _known: Memo[int, Served] = field(default_factory=Memo, init=False, compare=False, repr=False)

    @property
    def most(self) -> int:
        return max(1, int(self.places))

    @property
    def capacity(self) -> float:
        """Requests per second of all ranks with all places taken."""
        return self.rate(self.most) * self.ranks

    def rate(self, running: float) -> float:
        """Requests per second with `running` in the batch."""
        low, high, share = self._between(running)
        return low.requests_per_second + (high.requests_per_second - low.requests_per_second) * share

    def tpot(self, running: float) -> float:
        """Seconds per token with `running` in the batch."""
        low, high, share = self._between(running)
        return low.tpot_seconds + (high.tpot_seconds - low.tpot_seconds) * share

    def at(self, running: float) -> Served:
        """Without interpolation."""
        return served(self.engine, self.requests, max(running, 1.0))

    def _between(self, running: float) -> tuple[Served, Served, float]:
        place = GRID_STEPS * math.log2(max(running, 1.0))
        number = int(place)
        left, right = 2 ** (number / GRID_STEPS), 2 ** ((number + 1) / GRID_STEPS)
        share = (max(running, 1.0) - left) / (right - left)
        return self._point(number), self._point(number + 1), share

    def _point(self, number: int) -> Served:
        if number not in self._known:
            self._known[number] = served(self.engine, self.requests, 2 ** (number / GRID_STEPS))
        return self._known[number]


@dataclass(frozen=True, slots=True)
class Latency:
    """One engine at one rate of arrivals."""

    running: float
    """Requests in the batch, on average."""
    waiting: float
    """Requests that wait for a place in it, on average."""
    utilisation: float
    """Rate over the highest rate."""
    prefill_share: float
    """Of the time, spent on prompts."""
    _place: tuple[float, float]
    """Queue for a place in the batch: (probability of waiting, mean wait of those who wait)."""
    _turn: tuple[float, float]
    """Queue of prompts: the same."""
    _fixed_seconds: float
    """Before the first token, for everybody."""
    _step_seconds: float
    """Of a step that an arriving request may have to wait for."""
    _tpot: tuple[float, float]
    """(mean, standard deviation) among requests."""

    @property
    def queue_seconds(self) -> float:
        """That a request waits for a place in the batch, on average: vLLM's `request_queue_time_seconds`, which lacks
        the end of the step that runs."""
        chance, mean = self._place
        return chance * mean

    def ttft_seconds(self, share: float | None = None) -> float:
        """Within which this share of the requests gets its first token; None: the mean."""
        waits = (self._place, self._turn)
        if share is None:
            return self._fixed_seconds + self._step_seconds / 2 + sum(chance * mean for chance, mean in waits)
        queued = max(_tail(*each, share) for each in waits)
        return self._fixed_seconds + self._step_seconds * share + queued

    def tpot_seconds(self, share: float | None = None) -> float:
        """Within which this share of the requests gets its tokens, on average over the answer; None: the mean."""
        mean, deviation = self._tpot
        return mean if share is None else mean + max(-0.5 * mean, normal_quantile(share) * deviation)


def _tail(chance: float, mean: float, share: float) -> float:
    """The wait that this share stays below: P(wait > t) = chance x exp(-t / mean)."""
    return mean * math.log(chance / (1 - share)) if chance > 1 - share else 0.0


def under_arrivals(loads: Loads, per_second: float) -> Latency | None:
    """`per_second` requests arrive at one engine, evenly at its ranks. None if it cannot keep up."""
    capacity, places = loads.rate(loads.most), loads.most
    per_second /= loads.ranks
    if per_second >= BUSIEST * capacity:
        return None
    chances = _chances(loads, per_second)
    total = sum(chances)
    beyond = per_second / capacity
    waiting = chances[-1] * beyond / (1 - beyond) if len(chances) == places + 1 else 0.0
    whole = total + waiting
    in_batch = sum(number * chance for number, chance in enumerate(chances)) + places * waiting
    running = in_batch / whole
    full = (waiting + (chances[-1] if len(chances) == places + 1 else 0.0)) / whole
    found = loads.at(running)
    prefill = min(per_second * found.prefill_seconds / loads.engine.stages, 0.99)
    busy = 1 - chances[0] / whole
    step = found.step_seconds + min(1.0, per_second * found.step_seconds) * found.prefill_seconds
    fixed = loads.engine.host.path(loads.requests.prompt_tokens)
    return Latency(
        running=running,
        waiting=full / (1 - beyond) / capacity * per_second,
        utilisation=beyond,
        prefill_share=prefill,
        _place=(full, 1 / capacity / (1 - beyond)),
        _turn=(prefill, found.prefill_seconds / loads.engine.stages / (1 - prefill)),
        _fixed_seconds=fixed + found.prefill_seconds + found.step_seconds * busy,
        _step_seconds=step * busy,
        _tpot=_tpot(loads, chances, waiting, found, prefill),
    )


def _chances(loads: Loads, per_second: float) -> list[float]:
    """Of 0, 1, 2, ... requests in the batch, against each other; shorter than the places if the rest is unlikely."""
    chance, likeliest, found = 1.0, 1.0, [1.0]
    for number in range(1, loads.most + 1):
        chance *= per_second / loads.rate(number)
        found.append(chance)
        if chance > likeliest:
            likeliest = chance
            if chance > 1e200:
                found = [each / chance for each in found]
                chance = likeliest = 1.0
        elif chance < likeliest * LEAST_CHANCE:
            break
    return found


def _tpot(
    loads: Loads, chances: list[float], waiting: float, found: Served, prefill: float
) -> tuple[float, float]:
    """Mean and standard deviation among requests: each sees the batch of its time, and the
    prompts that interrupt it, a Poisson number."""
    stride = max(1, len(chances) // 64)
    weight = first = second = 0.0
    for number in range(1, len(chances), stride):
        seen = number * (chances[number] + (waiting if number == loads.most else 0.0))
        value = loads.tpot(number)
        weight, first, second = weight + seen, first + seen * value, second + seen * value * value
    mean = first / weight if weight else found.tpot_seconds
    variance = max(second / weight - mean * mean, 0.0) if weight else 0.0
    interruptions = max(found.running, 1.0)
    of_prompts = (mean * prefill) ** 2 / interruptions
    return mean, math.sqrt(variance + of_prompts)
