"""Metrics of dollars, time and tokens."""

from __future__ import annotations

from vllm_costmeter.outputs.metrics.row import MetricRow

PRICED = "a price is known"
SPLIT = "a price and the model's shape are known"

COST_METRICS: tuple[MetricRow, ...] = (
    MetricRow(
        "costmeter_cost_usd_total",
        "counter",
        ("model_name", "state", "component"),
        "USD",
        "Cost so far: price x time, by state (active, idle, asleep) and component.",
        PRICED,
    ),
    MetricRow(
        "costmeter_gpu_seconds_total",
        "counter",
        ("model_name", "state"),
        "seconds",
        "GPU seconds of this server by state; active while at least one request is running.",
        "always",
    ),
    MetricRow(
        "costmeter_phase_cost_usd_total",
        "counter",
        ("model_name", "phase", "method"),
        "USD",
        "Active cost split between prefill and decode by work; method: roofline, vllm_mfu, measured.",
        SPLIT,
    ),
    MetricRow(
        "costmeter_lora_cost_usd_total",
        "counter",
        ("model_name", "lora"),
        "USD",
        "Active cost of each LoRA adapter by its share of the running requests; 50 names, then other.",
        "a price is known, an adapter was used, and there is one API process",
    ),
    MetricRow(
        "costmeter_unattributed_usd",
        "gauge",
        ("model_name",),
        "USD",
        "Active cost not attributed to a finished request: of running requests, and of work that none accounts for.",
        PRICED,
    ),
    MetricRow(
        "costmeter_unexplained_usd",
        "gauge",
        ("model_name",),
        "USD",
        "The bill less the sum of its parts, where it is furthest from 0 (over states, phases or requests): 0 but for "
        "rounding.",
        PRICED,
    ),
    MetricRow(
        "costmeter_cached_savings_usd_total",
        "counter",
        ("model_name",),
        "USD",
        "What the cached prompt tokens would have cost at the running price of a computed prompt token.",
        SPLIT,
    ),
    MetricRow(
        "costmeter_tokens_total",
        "counter",
        ("model_name", "kind"),
        "tokens",
        "Tokens as vLLM counts them, by kind: prompt_computed, prompt_cached, generated.",
        "always",
    ),
    MetricRow(
        "costmeter_usd_per_million_tokens",
        "gauge",
        ("model_name", "per", "window"),
        "USD per million tokens",
        "Running cost per million tokens: all or generated (whole bill), prefill or decode (active cost of the phase).",
        "there were such tokens in the window and a price is known",
    ),
    MetricRow(
        "costmeter_floor_usd_per_million_tokens",
        "gauge",
        ("model_name", "per", "window"),
        "USD per million tokens",
        "Lowest possible cost per million tokens: no idle time and the limiting resource at 100 %.",
        "a price, the model's shape and the GPU's rates are known, and there were such tokens in the window",
    ),
    MetricRow(
        "costmeter_api_equivalent_usd_total",
        "counter",
        ("model_name", "provider"),
        "USD",
        "What the served tokens would have cost at the configured API provider.",
        "an API provider is set",
    ),
    MetricRow(
        "costmeter_tokens_per_second",
        "gauge",
        ("model_name", "kind", "window"),
        "tokens per second",
        "Mean token rate over the window by kind.",
        "after the first second",
    ),
    MetricRow(
        "costmeter_price_usd_per_hour",
        "gauge",
        ("component",),
        "USD per hour",
        "Current price of this server per hour, all its GPUs together.",
        PRICED,
    ),
    MetricRow(
        "costmeter_price_info",
        "gauge",
        ("basis", "source", "as_of"),
        "",
        "1 for the price in use: its basis (rented or owned), source and date.",
        PRICED,
    ),
    MetricRow(
        "costmeter_request_cost_usd",
        "histogram",
        ("model_name",),
        "USD",
        "Active cost attributed to each request that ended, by its computed and generated tokens and the KV cache it "
        "held.",
        "a price is known",
    ),
)
