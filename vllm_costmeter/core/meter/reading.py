"""The state of the meter after a tick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.meter.outcome import Outcome
from vllm_costmeter.core.meter.shares.share import Share
from vllm_costmeter.core.pricing.ownership import Component
from vllm_costmeter.core.pricing.price import Price

State = Literal["active", "idle", "asleep"]
Phase = Literal["prefill", "decode"]
TokenKind = Literal["prompt_computed", "prompt_cached", "generated"]
UnitPriceBasis = Literal["all", "generated", "prefill", "decode"]
EnergySource = Literal["counter", "power", "tdp"]
EnergyProblem = Literal["not_measured", "no_rated_power"]

STATES: tuple[State, ...] = ("active", "idle", "asleep")


@dataclass(frozen=True, slots=True)
class RequestHistogram:
    """Finished requests by cost or energy: counts per bucket (not cumulative, the last one unbounded)."""

    bucket_counts: tuple[int, ...]
    sum: float


@dataclass(frozen=True, slots=True)
class MeterReading:
    """The meter at one moment. What is unknown is missing from its mapping or None, never zero.

    Laws: cost over states = cost over components = price x time; cost over phases = active cost; cost of finished
    requests (of all API processes) + unattributed = active cost.
    """

    price: Price | None
    tokens: Mapping[TokenKind, int]
    gpu_seconds: Mapping[State, float]
    cost_usd: Mapping[tuple[State, Component], float] = field(default_factory=dict)
    """Empty without a price."""
    phase_cost_usd: Mapping[tuple[Phase, str], float] = field(default_factory=dict)
    """By phase and method; empty without a price or a model whose work is understood."""
    adapter_cost_usd: Mapping[str, float] = field(default_factory=dict)
    """Active cost by LoRA adapter; the rest is the base model's."""
    requests: Mapping[Outcome, int] = field(default_factory=dict)
    """Requests that ended, of all API processes."""
    request_usd: RequestHistogram | None = None
    """Requests of the charging API process; None without a price."""
    request_joules: RequestHistogram | None = None
    """The same by energy; None if no energy was ever measured."""
    unattributed_usd: float | None = None
    """Active cost of running requests, and of work that no finished request accounts for."""
    unattributed_joules: float | None = None
    unexplained_usd: float | None = None
    """The bill less the sum of its parts, where it is furthest from 0: over states, phases or requests."""
    tenants: Mapping[str, Share] | None = None
    """What the ended requests of each tenant took; the names `untagged` and `other` are among them. None where tenants
    are not told apart."""
    cached_savings_usd: float | None = None
    """What the cached prompt tokens would have cost at the running price of a computed one."""
    usd_per_token: Mapping[tuple[UnitPriceBasis, str], float] = field(default_factory=dict)
    """By basis and window; missing if the window has no such tokens."""
    floor_usd_per_token: Mapping[tuple[UnitPriceBasis, str], float] = field(default_factory=dict)
    """What the work would have cost at 100 % of the limiting resource, by basis (all, generated) and window."""
    tokens_per_second: Mapping[tuple[TokenKind, str], float] = field(default_factory=dict)
    electricity_usd_per_hour: float | None = None
    """At the power of the last tick; None if electricity is not charged or nothing has been measured yet."""
    energy_joules: Mapping[str, float] = field(default_factory=dict)
    """By GPU, since the meter started; measured (counter or integrated power), never estimated from TDP."""
    energy_source: Mapping[str, EnergySource] = field(default_factory=dict)
    """The current energy source by GPU; a GPU that is not charged now is missing."""
    active_joules: float | None = None
    """Measured energy of active time, this server's share of its GPUs; None if none was ever measured."""
    phase_joules: Mapping[Phase, float] = field(default_factory=dict)
    """The same by phase; empty if the model's work is not understood."""
    charges_energy: bool = False
    """Whether electricity or carbon is charged."""
    energy_problem: EnergyProblem | None = None
    """Why not all of it is charged now: a GPU is no longer measured, or never was and has no rated power."""
    carbon_grams: float | None = None
    last_token_unix_seconds: float | None = None
    kv_cache_usage_ratio: float | None = None
    """Mean over the engines that reported it."""
