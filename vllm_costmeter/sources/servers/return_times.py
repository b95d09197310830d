"""How long servers took to start and wake up, from a Prometheus."""

from __future__ import annotations

from vllm_costmeter.core.meter.operations import START, Durations, Operation
from vllm_costmeter.sources.servers.prometheus import query

VLLM_WAKE = "vllm:sleep_mode_operation_duration_seconds"
"""vLLM's own, since 0.32 (entrypoints/serve/dev/sleep/metrics.py): one observation for each call, so a wake-up in parts
is several. It has no label but the operation."""


def measured_operations(url: str, period: str) -> dict[str, dict[Operation, Durations]]:
    """By model, what the plugin measured on the servers of the period.

    Of a server that restarted, the mean of its starts by how long each ran. Wake-ups are those since the server's last
    start: a counter that begins with the first of them has no increase to ask for.
    """
    found: dict[str, dict[Operation, Durations]] = {}
    starts = f"avg_over_time(costmeter_start_seconds[{period}])"
    means = _by_model(url, f"avg by (model_name) ({starts})")
    for model_name, servers in _by_model(url, f"count by (model_name) ({starts})").items():
        if model_name in means:
            found.setdefault(model_name, {})[START] = Durations(round(servers), means[model_name] * servers)
    for level in (1, 2):
        of = f'{{operation="wake",level="{level}"}}[{period}]'
        seconds, times = (
            _by_model(url, f"sum by (model_name) (last_over_time({name}{of}))")
            for name in ("costmeter_sleep_operation_seconds_total", "costmeter_sleep_operations_total")
        )
        for model_name in seconds.keys() & times.keys():
            took = Durations(round(times[model_name]), seconds[model_name])
            found.setdefault(model_name, {})[Operation("wake", level)] = took
    return found


def process_start_seconds(url: str) -> dict[str, float]:
    """By model: the mean time from the start of a running server's process to the start of its meter, which vLLM
    creates when the engine is ready (AsyncLLM.__init__, 0.17 to 0.33). Nothing of a process that does not publish when
    it started, or that started in the last five minutes.

    The meter's GPU seconds began at 0, so that their speed tells when. It is taken between two scrapes: a rate is
    extrapolated to the edges of its range, and off by days where a scrape is late. Of a server that restarted between
    the two, it puts the meter's start before the process's, so that the difference is negative.
    """
    server = "model_name, cluster, job, instance"
    now, before = "costmeter_gpu_seconds_total", "costmeter_gpu_seconds_total offset 5m"
    metered = f"sum by ({server}) ({now})"
    scraped = f"max by ({server}) (timestamp({now}))"
    grown = f"({metered} - sum by ({server}) ({before}))"
    between = f"({scraped} - max by ({server}) (timestamp({before})))"
    began = f"({scraped} - {metered} * {between} / ({grown} > 0))"
    process = "max by (cluster, job, instance) (process_start_time_seconds)"
    took = f"{began} - on (cluster, job, instance) group_left () {process}"
    return _by_model(url, f"avg by (model_name) (({took}) > 0)")


def vllm_wake_seconds(url: str, period: str) -> float | None:
    """The mean of all calls that woke a server up, by vLLM's histogram since the servers' last start; None if there
    were none, or vLLM is older than 0.32."""
    parts = (
        f'sum(last_over_time({VLLM_WAKE}_{part}{{operation="wake"}}[{period}]))' for part in ("sum", "count")
    )
    found = query(url, " / ".join(parts))
    return found[0][1] if found and found[0][1] > 0 else None


def _by_model(url: str, expression: str) -> dict[str, float]:
    return {labels.get("model_name", ""): value for labels, value in query(url, expression)}
