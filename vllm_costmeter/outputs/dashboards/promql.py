"""PromQL over the metric table. A metric or label that is not in the table is an error here, not an empty panel.

Sum first, then divide: the mean of ratios over replicas is not the ratio of their sums.
"""

from __future__ import annotations

from vllm_costmeter.outputs.metrics.table import BY_NAME

SERVER = ("cluster", "job", "instance")
"""What tells servers apart. Each Prometheus behind one Grafana may have an instance localhost:8000."""
SAME_SERVER = f"on ({', '.join(SERVER)})"
SAME_MODEL = "on (cluster, model_name, job, instance)"

PER_HOUR = 3600
RATE_WINDOW = "$__rate_interval"
SHOWN_RANGE = "$__range"
HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")
VLLM_LABELS = ("model_name", "engine")
VLLM_METRICS = frozenset(
    {"vllm:num_preemptions_total", "vllm:num_requests_running", "vllm:num_requests_waiting"}
)
"""vLLM's own metrics on our dashboards, read from a running 0.32.0, 2026-11-22."""


def labels_of(metric: str) -> tuple[str, ...]:
    """The labels of a metric of the table, of a histogram's series, or of vLLM's own metrics; KeyError otherwise."""
    if metric in VLLM_METRICS:
        return VLLM_LABELS
    for part in HISTOGRAM_PARTS:
        row = BY_NAME.get(metric.removesuffix(part))
        if row is not None and row.kind == "histogram" and metric.endswith(part):
            return (*row.labels, "le") if part == "_bucket" else row.labels
    return BY_NAME[metric].labels


def series(metric: str, **matchers: str) -> str:
    """The selector of a metric for the dashboard's cluster, job and instance, and its model if it has that label.

    A matcher that starts with "=~" or "!~" is a pattern; anything else is an exact value.
    """
    labels = labels_of(metric)
    if unknown := matchers.keys() - {*labels}:
        raise KeyError(f"{metric} has no label {', '.join(sorted(unknown))}")
    pairs = {"cluster": "=~$cluster", "job": "=~$job", "instance": "=~$instance"}
    if "model_name" in labels:
        pairs["model_name"] = "=~$model"
    texts = [_matcher(label, value) for label, value in (pairs | matchers).items()]
    return f"{metric}{{{', '.join(texts)}}}"


def _matcher(label: str, value: str) -> str:
    return f'{label}{value[:2]}"{value[2:]}"' if value.startswith(("=~", "!~")) else f'{label}="{value}"'


def summed(expression: str, by: tuple[str, ...] = ()) -> str:
    """The sum over all labels except `by`."""
    return f"sum by ({', '.join(by)}) ({expression})" if by else f"sum({expression})"


def rate(metric: str, **matchers: str) -> str:
    """The rate of each series of a counter, with resets handled."""
    return f"rate({series(metric, **matchers)}[{RATE_WINDOW}])"


def increase(metric: str, **matchers: str) -> str:
    """The increase of each series of a counter over the visible time range, with resets handled."""
    return f"increase({series(metric, **matchers)}[{SHOWN_RANGE}])"


def per_second(metric: str, by: tuple[str, ...] = (), **matchers: str) -> str:
    """The rate of a counter, summed over replicas."""
    return summed(rate(metric, **matchers), by)


def grown(metric: str, by: tuple[str, ...] = (), **matchers: str) -> str:
    """The increase of a counter over the visible time range, summed over replicas."""
    return summed(increase(metric, **matchers), by)


def usd_per_hour(by: tuple[str, ...] = (), **matchers: str) -> str:
    """The bill's growth in dollars per hour."""
    return f"{PER_HOUR} * {per_second('costmeter_cost_usd_total', by, **matchers)}"
