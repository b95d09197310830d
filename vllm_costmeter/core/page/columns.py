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

MOST_SERVERS, MOST_COLUMNS_EACH = 16, 96
"""What is remembered: 16 GPUs and everything else of 16 servers; more are shown as of now only."""

Column = tuple[str, str]
"""Server, and the column's name."""


def moment(samples: Iterable[Sample]) -> dict[Column, float]:
    """What is known now, by server (the label `instance`; a server's own page has none: "") and column."""
    found: dict[Column, float] = {}
    counts: dict[str, int] = {}
    for sample in samples:
        kept = SUMS.get(sample.name)
        if kept is None or not abs(sample.value) < float("inf"):  # false for NaN too
            continue
        column, label = kept
        server = sample.labels.get("instance", "")
        key = (server, f"{column}:{sample.labels.get(label, '')}" if label else column)
        if key in found:
            found[key] += sample.value
        elif counts.get(server, 0) < MOST_COLUMNS_EACH and (server in counts or len(counts) < MOST_SERVERS):
            found[key] = sample.value
            counts[server] = counts.get(server, 0) + 1
    return found
