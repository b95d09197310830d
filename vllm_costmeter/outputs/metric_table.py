"""Every metric the project publishes, once. The exporter, the documentation, the dashboards and the tests read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MetricKind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric as Prometheus sees it."""

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    unit: str
    help: str
    present_when: str
    """Otherwise it is absent, never 0."""


PRICED = "a price is known"
SPLIT = "a price and the model's shape are known"
NVML = "the driver says so"

METRICS: tuple[MetricRow, ...] = (
    MetricRow(
        "costmeter_cost_usd_total",
        "counter",
        ("model_name", "state", "component"),
        "USD",
        "The bill so far: price x time, divided over states (active, idle, asleep) and components.",
        PRICED,
    ),
    MetricRow(
        "costmeter_gpu_seconds_total",
        "counter",
        ("model_name", "state"),
        "seconds",
        "GPU seconds this server has held, by state; active while at least one request runs.",
        "always",
    ),
    MetricRow(
        "costmeter_phase_cost_usd_total",
        "counter",
        ("model_name", "phase", "method"),
        "USD",
        "The active part of the bill, prefill and decode by the work each did; method: roofline, vllm_mfu, measured.",
        SPLIT,
    ),
    MetricRow(
        "costmeter_lora_cost_usd_total",
        "counter",
        ("model_name", "lora"),
        "USD",
        "What LoRA adapters took of the active bill, by their share of the running requests; 50 names, then other.",
        "a price is known, an adapter was used, and one API process serves",
    ),
    MetricRow(
        "costmeter_cached_savings_usd_total",
        "counter",
        ("model_name",),
        "USD",
        "What the cached prompt tokens would have cost at the running price of a computed one.",
        SPLIT,
    ),
    MetricRow(
        "costmeter_tokens_total",
        "counter",
        ("model_name", "kind"),
        "tokens",
        "Tokens served, as vLLM counts them: prompt_computed, prompt_cached, generated.",
        "always",
    ),
    MetricRow(
        "costmeter_energy_joules_total",
        "counter",
        ("gpu",),
        "joules",
        "Energy drawn by the GPU since the meter started, from the driver's counter or its power readings.",
        NVML,
    ),
    MetricRow(
        "costmeter_energy_source_info",
        "gauge",
        ("gpu", "source"),
        "",
        "1 for what electricity and carbon are charged from: counter, power, or tdp (rated power, an estimate).",
        "electricity or carbon is charged",
    ),
    MetricRow(
        "costmeter_carbon_grams_total",
        "counter",
        ("model_name",),
        "gCO2e",
        "Greenhouse gas of the energy drawn: joules x PUE x the grid's stated intensity.",
        "a grid intensity is set and energy is measured or rated",
    ),
    MetricRow(
        "costmeter_usd_per_million_tokens",
        "gauge",
        ("model_name", "per", "window"),
        "USD per million tokens",
        "Running price: per all or generated tokens (whole bill), per prefill or decode token (active part).",
        "the window holds such a token and a price is known",
    ),
    MetricRow(
        "costmeter_floor_usd_per_million_tokens",
        "gauge",
        ("model_name", "per", "window"),
        "USD per million tokens",
        "What all or generated tokens would cost with no idle time and the limiting resource at 100 %.",
        "a price, the model's shape and the card's rates are known, and the window holds such a token",
    ),
    MetricRow(
        "costmeter_api_equivalent_usd_total",
        "counter",
        ("model_name", "provider"),
        "USD",
        "What the served tokens would have cost at the API provider that the operator names.",
        "an API provider is set",
    ),
    MetricRow(
        "costmeter_tokens_per_second",
        "gauge",
        ("model_name", "kind", "window"),
        "tokens per second",
        "Mean rate over the window by kind of token.",
        "after the first second",
    ),
    MetricRow(
        "costmeter_price_usd_per_hour",
        "gauge",
        ("component",),
        "USD per hour",
        "What this server costs by the hour now, all its GPUs together.",
        PRICED,
    ),
    MetricRow(
        "costmeter_price_info",
        "gauge",
        ("basis", "source", "as_of"),
        "",
        "1 for the price in use: rented or owned, where the figure comes from and its date.",
        PRICED,
    ),
    MetricRow(
        "costmeter_gpu_memory_used_bytes",
        "gauge",
        ("gpu", "name"),
        "bytes",
        "GPU memory in use by all processes.",
        NVML,
    ),
    MetricRow(
        "costmeter_gpu_memory_total_bytes",
        "gauge",
        ("gpu", "name"),
        "bytes",
        "GPU memory that programs can share.",
        NVML,
    ),
    MetricRow(
        "costmeter_gpu_power_watts", "gauge", ("gpu", "name"), "watts", "Power drawn by the GPU.", NVML
    ),
    MetricRow(
        "costmeter_gpu_utilization_ratio",
        "gauge",
        ("gpu", "name"),
        "",
        "Share of the time in which a kernel ran on the GPU.",
        NVML,
    ),
    MetricRow(
        "costmeter_gpu_process_memory_bytes",
        "gauge",
        ("gpu",),
        "bytes",
        "GPU memory held by this server's own processes.",
        NVML,
    ),
    MetricRow(
        "costmeter_kv_cache_capacity_tokens",
        "gauge",
        ("model_name",),
        "tokens",
        "Tokens of context that the KV cache of this server holds.",
        "vLLM has sized its cache",
    ),
    MetricRow(
        "costmeter_kv_cache_usage_ratio",
        "gauge",
        ("model_name",),
        "",
        "Share of the KV cache in use, mean over engines.",
        "an engine has reported a step",
    ),
    MetricRow(
        "costmeter_preflight_bytes",
        "gauge",
        ("part", "value"),
        "bytes",
        "Memory per GPU as the check before the start predicted it and as the server found it.",
        "the check ran and vLLM told the fact",
    ),
    MetricRow(
        "costmeter_request_cost_usd",
        "histogram",
        ("model_name",),
        "USD",
        "Active cost attributed to each finished request by its computed and generated tokens.",
        "a price is known",
    ),
    MetricRow(
        "costmeter_last_token_timestamp_seconds",
        "gauge",
        ("model_name",),
        "seconds since 1970",
        "When the last token was generated.",
        "a token was generated",
    ),
    MetricRow(
        "costmeter_source_up",
        "gauge",
        ("source",),
        "",
        "1 when the source (nvml, price, engine) answered, else 0.",
        "always",
    ),
    MetricRow(
        "costmeter_errors_total",
        "counter",
        ("where",),
        "",
        "Faults of the meter itself, by the place that caught them; serving never sees them.",
        "always",
    ),
    MetricRow(
        "costmeter_build_info",
        "gauge",
        ("version", "vllm_version"),
        "",
        "1 for the versions that run.",
        "always",
    ),
)

BY_NAME: dict[str, MetricRow] = {row.name: row for row in METRICS}
