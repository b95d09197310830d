"""What the live page remembers of a server: counters and gauges of one moment, by short names.

Counters are kept as they stand, not as rates: a page divides the differences between any two moments, so that its
charts and its totals are made of the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vllm_costmeter.core.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of /metrics."""

    name: str
    labels: Mapping[str, str]
    value: float


SUMS: Mapping[str, tuple[str, str]] = {
    "costmeter_cost_usd_total": ("usd", "state"),
    "costmeter_gpu_seconds_total": ("gpu_seconds", "state"),
    "costmeter_tokens_total": ("tokens", "kind"),
    "costmeter_phase_cost_usd_total": ("phase_usd", "phase"),
    "costmeter_active_energy_joules_total": ("active_joules", ""),
    "costmeter_energy_joules_total": ("joules", ""),
    "costmeter_api_equivalent_usd_total": ("api_usd", ""),
    "costmeter_request_cost_usd_count": ("requests", ""),
    "costmeter_request_cost_usd_sum": ("requests_usd", ""),
    "costmeter_price_usd_per_hour": ("usd_per_hour", ""),
    "costmeter_kv_cache_usage_ratio": ("kv_cache_usage_ratio", ""),
    "costmeter_gpu_memory_used_bytes": ("gpu_memory_used_bytes", "gpu"),
    "costmeter_gpu_power_watts": ("gpu_power_watts", "gpu"),
    "costmeter_gpu_utilization_ratio": ("gpu_utilization_ratio", "gpu"),
}
"""By metric: the column, and the label that divides it into several; the sum over all other labels."""

MOST_COLUMNS = 96
"""Of one server: 16 GPUs and everything else; more are left out."""


def servers(samples: Iterable[Sample]) -> dict[str, dict[str, float]]:
    """By server (the label `instance`, which a server's own page does not have: "") the columns that are known."""
    found: dict[str, dict[str, float]] = {}
    for sample in samples:
        kept = SUMS.get(sample.name)
        if kept is None or sample.value != sample.value or abs(sample.value) == float("inf"):
            continue
        column, label = kept
        name = f"{column}:{sample.labels.get(label, '')}" if label else column
        columns = found.setdefault(sample.labels.get("instance", ""), {})
        if name in columns:
            columns[name] += sample.value
        elif len(columns) < MOST_COLUMNS:
            columns[name] = sample.value
    return found
