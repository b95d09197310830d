"""Turn readings into metric families: pure, one function per group. What is unknown has no sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter.operations import START, Durations, Operations
from vllm_costmeter.core.meter.outcome import OUTCOMES
from vllm_costmeter.core.meter.reading import MeterReading, RequestHistogram, TokenKind
from vllm_costmeter.core.meter.shares.request_cost import BUCKETS_JOULES, BUCKETS_USD
from vllm_costmeter.core.meter.shares.share import NO_SHARE, Share
from vllm_costmeter.core.pricing.api_price import ApiPriceRow, api_usd, tokens_by_kind
from vllm_costmeter.core.pricing.price import Price
from vllm_costmeter.outputs.metrics.row import MetricRow
from vllm_costmeter.outputs.metrics.table import BY_NAME

Labels = tuple[tuple[str, str], ...]
NO_OPERATIONS: Operations = {}


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts per bucket (not cumulative; one more than the bounds, the last unbounded) and the sum of the values."""

    upper_bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its samples: label values in the table's order, then any extra label."""

    row: MetricRow
    samples: tuple[tuple[Labels, float], ...] = ()
    histogram: tuple[Labels, Histogram] | None = None


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Facts that a server knows after startup and the meter only publishes."""

    model_name: str
    version: str
    vllm_version: str
    kv_cache_capacity_tokens: int | None = None
    preflight_bytes: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    """By (part, value), such as ("weights", "predicted")."""
    api_price: ApiPriceRow | None = None
    """Price of the API to compare with; None if none is configured."""
    tenant_label: Callable[[str], str] = str
    """What is shown of a tenant's name."""


def server_families(
    facts: ServerFacts,
    reading: MeterReading,
    gpus: GpuReadings,
    sources: Mapping[str, str | None],
    operations: Operations = NO_OPERATIONS,
) -> tuple[Family, ...]:
    """Metrics with one value per server: cost, time, energy, gauges. One process publishes them. `sources` maps each
    source to the keyword for why it is down, or None if it is up."""
    model = facts.model_name
    found = [
        _family("costmeter_cost_usd_total", {(model, *key): usd for key, usd in reading.cost_usd.items()}),
        _family("costmeter_gpu_seconds_total", {(model, key): s for key, s in reading.gpu_seconds.items()}),
        _family(
            "costmeter_phase_cost_usd_total",
            {(model, *key): usd for key, usd in reading.phase_cost_usd.items()},
        ),
        _family(
            "costmeter_lora_cost_usd_total",
            {(model, lora): usd for lora, usd in reading.adapter_cost_usd.items()},
        ),
        _single("costmeter_unattributed_usd", (model,), reading.unattributed_usd),
        _single("costmeter_unexplained_usd", (model,), reading.unexplained_usd),
        *_tenants(facts, reading),
        _single("costmeter_cached_savings_usd_total", (model,), reading.cached_savings_usd),
        _family("costmeter_energy_joules_total", {(gpu,): j for gpu, j in reading.energy_joules.items()}),
        _single("costmeter_active_energy_joules_total", (model,), reading.active_joules),
        _family(
            "costmeter_phase_energy_joules_total",
            {(model, phase): joules for phase, joules in reading.phase_joules.items()},
        ),
        _single("costmeter_unattributed_joules", (model,), reading.unattributed_joules),
        _family("costmeter_energy_source_info", dict.fromkeys(reading.energy_source.items(), 1)),
        _single("costmeter_carbon_grams_total", (model,), reading.carbon_grams),
        _family(
            "costmeter_usd_per_million_tokens",
            {(model, *key): usd * 1e6 for key, usd in reading.usd_per_token.items()},
        ),
        _family(
            "costmeter_floor_usd_per_million_tokens",
            {(model, *key): usd * 1e6 for key, usd in reading.floor_usd_per_token.items()},
        ),
        _api_equivalent(model, facts.api_price, reading.tokens),
        _family(
            "costmeter_tokens_per_second", {(model, *key): r for key, r in reading.tokens_per_second.items()}
        ),
        *_price(reading.price, reading.electricity_usd_per_hour),
        *_gpus(gpus.gpus),
        _single("costmeter_kv_cache_capacity_tokens", (model,), facts.kv_cache_capacity_tokens),
        _single("costmeter_kv_cache_usage_ratio", (model,), reading.kv_cache_usage_ratio),
        _family("costmeter_preflight_bytes", dict(facts.preflight_bytes)),
        _single("costmeter_last_token_timestamp_seconds", (model,), reading.last_token_unix_seconds),
        _single(
            "costmeter_start_seconds", (model,), operations[START].seconds if START in operations else None
        ),
        _family("costmeter_source_up", {(source,): int(why is None) for source, why in sources.items()}),
        _family(
            "costmeter_source_down_info",
            {(source, why): 1 for source, why in sources.items() if why is not None},
        ),
        _family("costmeter_build_info", {(facts.version, facts.vllm_version): 1}),
    ]
    return tuple(family for family in found if family.samples)


def process_families(
    model_name: str,
    tokens: Mapping[TokenKind, int],
    request_usd: RequestHistogram | None,
    request_joules: RequestHistogram | None,
    errors: Mapping[str, int],
    *,
    operations: Operations = NO_OPERATIONS,
) -> tuple[Family, ...]:
    """Metrics that each API process counts for itself; they are summed over processes."""
    families = [
        _family("costmeter_tokens_total", {(model_name, kind): count for kind, count in tokens.items()}),
        _family("costmeter_errors_total", {(where,): count for where, count in errors.items()}),
    ]
    families += _sleep_operations(model_name, operations)
    families += _histogram("costmeter_request_cost_usd", model_name, BUCKETS_USD, request_usd)
    families += _histogram("costmeter_request_energy_joules", model_name, BUCKETS_JOULES, request_joules)
    return tuple(families)


def _sleep_operations(model_name: str, operations: Operations) -> Iterable[Family]:
    took: dict[tuple[str, ...], Durations] = {
        (model_name, each.kind, str(each.level)): durations
        for each, durations in operations.items()
        if each != START
    }
    if took:
        yield _family("costmeter_sleep_operations_total", {key: each.times for key, each in took.items()})
        seconds = {key: each.seconds for key, each in took.items()}
        yield _family("costmeter_sleep_operation_seconds_total", seconds)


def _tenants(facts: ServerFacts, reading: MeterReading) -> Iterable[Family]:
    shown: dict[str, Share] = {}
    for name, share in (reading.tenants or {}).items():
        label = facts.tenant_label(name)
        shown[label] = shown.get(label, NO_SHARE).plus(share)
    model = facts.model_name
    if reading.price is not None:
        usd: dict[tuple[str, ...], float] = {(model, label): share.usd for label, share in shown.items()}
        yield _family("costmeter_tenant_cost_usd_total", usd)
    for name, columns in TENANT_COLUMNS.items():
        yield _family(
            name,
            {
                (model, label, kind): getattr(share, column)
                for label, share in shown.items()
                for kind, column in columns.items()
            },
        )


TENANT_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "costmeter_tenant_tokens_total": {
        kind: f"{kind}_tokens" for kind in ("prompt_computed", "prompt_cached", "generated")
    },
    "costmeter_tenant_requests_total": {outcome: f"{outcome}_requests" for outcome in OUTCOMES},
}


def _histogram(
    name: str, model_name: str, bounds: tuple[float, ...], found: RequestHistogram | None
) -> Iterable[Family]:
    if found is not None:
        row = BY_NAME[name]
        histogram = Histogram(bounds, found.bucket_counts, found.sum)
        yield Family(row, histogram=(_labels(row, (model_name,)), histogram))


def _api_equivalent(model: str, row: ApiPriceRow | None, tokens: Mapping[TokenKind, int]) -> Family:
    served = tokens_by_kind({str(kind): count for kind, count in tokens.items()})
    samples: dict[tuple[str, ...], float] = {}
    if row is not None:
        samples[model, row.provider] = float(api_usd(row, served))
    return _family("costmeter_api_equivalent_usd_total", samples)


def _price(price: Price | None, electricity_usd_per_hour: float | None) -> Iterable[Family]:
    if price is None:
        return
    rates: dict[tuple[str, ...], float] = {(c,): usd for c, usd in price.usd_per_hour_by_component.items()}
    if electricity_usd_per_hour is not None:
        rates["electricity",] = electricity_usd_per_hour
    yield _family("costmeter_price_usd_per_hour", rates)
    row = BY_NAME["costmeter_price_info"]
    labels = _labels(row, (price.basis, price.source, price.as_of))
    if price.share_basis:
        labels += (("gpu_share", f"{price.gpu_share:.6g}"), ("share_basis", price.share_basis))
    yield Family(row, ((labels, 1),))


def _gpus(gpus: tuple[GpuReading, ...]) -> Iterable[Family]:
    by_name: dict[str, dict[tuple[str, ...], float | None]] = {
        "costmeter_gpu_memory_used_bytes": {(g.label, g.name): g.memory_used_bytes for g in gpus},
        "costmeter_gpu_memory_total_bytes": {(g.label, g.name): g.memory_total_bytes for g in gpus},
        "costmeter_gpu_power_watts": {(g.label, g.name): g.power_watts for g in gpus},
        "costmeter_gpu_utilization_ratio": {(g.label, g.name): g.utilization_ratio for g in gpus},
        "costmeter_gpu_process_memory_bytes": {(g.label,): g.process_memory_bytes for g in gpus},
    }
    for name, values in by_name.items():
        yield _family(name, {key: value for key, value in values.items() if value is not None})


def _single(name: str, values: tuple[str, ...], value: float | None) -> Family:
    return _family(name, {} if value is None else {values: value})


def _family(name: str, samples: Mapping[tuple[str, ...], float]) -> Family:
    row = BY_NAME[name]
    return Family(row, tuple((_labels(row, values), value) for values, value in samples.items()))


def _labels(row: MetricRow, values: tuple[str, ...]) -> Labels:
    return tuple(zip(row.labels, values, strict=True))
