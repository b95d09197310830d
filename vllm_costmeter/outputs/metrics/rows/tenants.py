"""Metrics of tenants, which exist only where tenants are told apart."""

from __future__ import annotations

from vllm_costmeter.outputs.metrics.row import MetricRow

TENANT_METRICS: tuple[MetricRow, ...] = (
    MetricRow(
        "costmeter_tenant_cost_usd_total",
        "counter",
        ("model_name", "tenant"),
        "USD",
        "Active cost of each tenant's requests that ended, by a hash of its name unless plain names are asked for; "
        "untagged: of none; other: of those beyond the limit.",
        "tenants are told apart and a price is known",
    ),
    MetricRow(
        "costmeter_tenant_tokens_total",
        "counter",
        ("model_name", "tenant", "kind"),
        "tokens",
        "Tokens of each tenant's requests that ended, by kind: prompt_computed, prompt_cached, generated.",
        "tenants are told apart",
    ),
    MetricRow(
        "costmeter_tenant_requests_total",
        "counter",
        ("model_name", "tenant", "outcome"),
        "requests",
        "Requests of each tenant that ended, by outcome: finished, aborted, failed.",
        "tenants are told apart",
    ),
)
