"""What one server spent and did in an interval: one column of the ledger per field."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import get_args

from vllm_costmeter.core.dataclass import dataclass, fields
from vllm_costmeter.core.meter.reading import STATES, MeterReading, State
from vllm_costmeter.core.pricing.ownership import Component

COMPONENTS: tuple[Component, ...] = get_args(Component)


@dataclass(frozen=True, slots=True)
class Usage:
    """Amounts of an interval, or totals since a server started. `a + b`: both together; `later - earlier`: the
    increase.

    A component that the price does not have is 0, as energy is where no driver reports it: the series says which.
    """

    active_rental_usd: float = 0.0
    active_depreciation_usd: float = 0.0
    active_electricity_usd: float = 0.0
    active_overhead_usd: float = 0.0
    idle_rental_usd: float = 0.0
    idle_depreciation_usd: float = 0.0
    idle_electricity_usd: float = 0.0
    idle_overhead_usd: float = 0.0
    asleep_rental_usd: float = 0.0
    asleep_depreciation_usd: float = 0.0
    asleep_electricity_usd: float = 0.0
    asleep_overhead_usd: float = 0.0
    prefill_usd: float = 0.0
    """Of active cost; 0, as decode, where the model's work is not known."""
    decode_usd: float = 0.0
    request_usd: float = 0.0
    """Active cost attributed to requests that ended."""
    active_gpu_seconds: float = 0.0
    idle_gpu_seconds: float = 0.0
    asleep_gpu_seconds: float = 0.0
    joules: float = 0.0
    """Measured energy of the GPUs, whole GPUs even where they are shared."""
    active_joules: float = 0.0
    """This server's share of it in active time."""
    prefill_joules: float = 0.0
    decode_joules: float = 0.0
    carbon_grams: float = 0.0
    prompt_computed_tokens: int = 0
    prompt_cached_tokens: int = 0
    generated_tokens: int = 0
    finished_requests: int = 0
    aborted_requests: int = 0
    failed_requests: int = 0

    def __add__(self, other: Usage) -> Usage:
        return _each(operator.add, self, other)

    def __sub__(self, earlier: Usage) -> Usage:
        return _each(operator.sub, self, earlier)

    def amounts(self) -> tuple[float, ...]:
        """In the order of `COLUMNS`."""
        found: tuple[float, ...] = _AMOUNTS(self)
        return found

    def cost_usd(self, state: State, component: Component) -> float:
        """One part of the bill."""
        usd: float = getattr(self, f"{state}_{component}_usd")
        return usd

    def usd(self, state: State | None = None, component: Component | None = None) -> float:
        """The bill, or its part in one state or of one component."""
        states = STATES if state is None else (state,)
        components = COMPONENTS if component is None else (component,)
        return sum(self.cost_usd(one, of) for one in states for of in components)

    @property
    def gpu_seconds(self) -> float:
        """In all states."""
        return self.active_gpu_seconds + self.idle_gpu_seconds + self.asleep_gpu_seconds

    @property
    def tokens(self) -> int:
        """Of all kinds."""
        return self.prompt_computed_tokens + self.prompt_cached_tokens + self.generated_tokens

    @property
    def requests(self) -> int:
        """Requests that ended, however they did."""
        return self.finished_requests + self.aborted_requests + self.failed_requests


COLUMNS = tuple(field.name for field in fields(Usage))
_AMOUNTS = operator.attrgetter(*COLUMNS)
TOKEN_COLUMNS = tuple(name for name in COLUMNS if name.endswith(("_tokens", "_requests")))
"""The whole numbers."""


def usage_of(reading: MeterReading) -> Usage:
    """The totals of a meter since it started."""
    phases: Mapping[str, float] = {
        phase: sum(usd for (of, _), usd in reading.phase_cost_usd.items() if of == phase)
        for phase in ("prefill", "decode")
    }
    costs = {f"{state}_{component}_usd": usd for (state, component), usd in reading.cost_usd.items()}
    active_usd = sum(usd for (state, _), usd in reading.cost_usd.items() if state == "active")
    return Usage(
        **costs,
        prefill_usd=phases["prefill"],
        decode_usd=phases["decode"],
        request_usd=0.0 if reading.unattributed_usd is None else active_usd - reading.unattributed_usd,
        active_gpu_seconds=reading.gpu_seconds["active"],
        idle_gpu_seconds=reading.gpu_seconds["idle"],
        asleep_gpu_seconds=reading.gpu_seconds["asleep"],
        joules=sum(reading.energy_joules.values()),
        active_joules=reading.active_joules or 0.0,
        prefill_joules=reading.phase_joules.get("prefill", 0.0),
        decode_joules=reading.phase_joules.get("decode", 0.0),
        carbon_grams=reading.carbon_grams or 0.0,
        prompt_computed_tokens=reading.tokens["prompt_computed"],
        prompt_cached_tokens=reading.tokens["prompt_cached"],
        generated_tokens=reading.tokens["generated"],
        finished_requests=reading.requests.get("finished", 0),
        aborted_requests=reading.requests.get("aborted", 0),
        failed_requests=reading.requests.get("failed", 0),
    )


def _each(combine: Callable[[float, float], float], one: Usage, other: Usage) -> Usage:
    return Usage(*map(combine, one.amounts(), other.amounts()))  # type: ignore[arg-type]


def added_up(usages: Iterable[Usage]) -> Usage:
    """All of them together, without a `Usage` for every step."""
    sums: list[float] = [0] * len(COLUMNS)
    for usage in usages:
        sums = list(map(operator.add, sums, usage.amounts()))
    return Usage(*sums)  # type: ignore[arg-type]
