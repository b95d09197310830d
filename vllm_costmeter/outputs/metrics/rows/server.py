"""Metrics of the server and of the meter itself."""

from __future__ import annotations

from vllm_costmeter.outputs.metrics.row import MetricRow

SERVER_METRICS: tuple[MetricRow, ...] = (
    MetricRow(
        "costmeter_kv_cache_capacity_tokens",
        "gauge",
        ("model_name",),
        "tokens",
        "Capacity of this server's KV cache in tokens.",
        "vLLM has sized its cache",
    ),
    MetricRow(
        "costmeter_kv_cache_usage_ratio",
        "gauge",
        ("model_name",),
        "",
        "Fraction of the KV cache in use, mean over engines.",
        "an engine has reported a step",
    ),
    MetricRow(
        "costmeter_preflight_bytes",
        "gauge",
        ("part", "value"),
        "bytes",
        "Memory per GPU: predicted by the fit check before the start, and actual.",
        "the fit check ran and vLLM reported the actual value",
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
        "costmeter_start_seconds",
        "gauge",
        ("model_name",),
        "seconds",
        "How long this server took from the creation of its process until it could serve.",
        "`vllm serve` started it, on Linux",
    ),
    MetricRow(
        "costmeter_sleep_operations_total",
        "counter",
        ("model_name", "operation", "level"),
        "operations",
        "Times this server fell asleep (operation sleep) or became fully awake (wake), by level of vLLM's sleep mode.",
        "it slept at level 1 or 2",
    ),
    MetricRow(
        "costmeter_sleep_operation_seconds_total",
        "counter",
        ("model_name", "operation", "level"),
        "seconds",
        "How long these took, all together: from the call (of several wake-ups in parts, the first) to its end.",
        "it slept at level 1 or 2",
    ),
    MetricRow(
        "costmeter_source_up",
        "gauge",
        ("source",),
        "",
        "1 if the source is available, else 0: nvml, amdsmi or dcgm; price; engine; ledger; energy of every GPU.",
        "always; energy where electricity or carbon is charged, ledger where one is kept",
    ),
    MetricRow(
        "costmeter_source_down_info",
        "gauge",
        ("source", "reason"),
        "",
        "1 for the reason a source is down, as a keyword; the server's log has the details.",
        "a source is down",
    ),
    MetricRow(
        "costmeter_errors_total",
        "counter",
        ("where",),
        "",
        "Internal errors of the meter by component, and impossible readings discarded (gpu_power, ...). "
        "Requests are never affected.",
        "always",
    ),
    MetricRow(
        "costmeter_build_info",
        "gauge",
        ("version", "vllm_version"),
        "",
        "1 for the running versions.",
        "always",
    ),
)
