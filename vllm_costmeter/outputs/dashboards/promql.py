"""PromQL over the metric table: a name or a label that the table does not have is an error here, not an empty panel.

Sums first, then divide: the mean of ratios over replicas is not the ratio of their sums.
"""

from __future__ import annotations

from vllm_costmeter.outputs.metrics.table import BY_NAME

PER_HOUR = 3600
PER_MILLION = 1_000_000
RATE_WINDOW = "$__rate_interval"
SHOWN_RANGE = "$__range"
HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")
VLLM_LABELS = ("model_name", "engine")
VLLM_METRICS = frozenset(
    {"vllm:num_preemptions_total", "vllm:num_requests_running", "vllm:num_requests_waiting"}
)
"""vLLM's own metrics that stand beside ours, read on a running 0.32.0, 2026-11-22."""


def labels_of(metric: str) -> tuple[str, ...]:
    """The labels of a metric of the table, of a part of a histogram, or of vLLM's own; KeyError otherwise."""
    if metric in VLLM_METRICS:
        return VLLM_LABELS
    for part in HISTOGRAM_PARTS:
        row = BY_NAME.get(metric.removesuffix(part))
        if row is not None and row.kind == "histogram" and metric.endswith(part):
            return (*row.labels, "le") if part == "_bucket" else row.labels
    return BY_NAME[metric].labels


def series(metric: str, **matchers: str) -> str:
    """The selector of a metric, held to the dashboard's job and instance, and its model where it has one.

    A matcher whose value starts with "=~" is a pattern, anything else is an exact value.
    """
    labels = labels_of(metric)
    if unknown := matchers.keys() - {*labels, "cluster"}:
        raise KeyError(f"{metric} has no label {', '.join(sorted(unknown))}")
    pairs = {"job": "=~$job", "instance": "=~$instance"}
    if "model_name" in labels:
        pairs["model_name"] = "=~$model"
    texts = [_matcher(label, value) for label, value in (pairs | matchers).items()]
    return f"{metric}{{{', '.join(texts)}}}"


def _matcher(label: str, value: str) -> str:
    return f'{label}=~"{value[2:]}"' if value.startswith("=~") else f'{label}="{value}"'


def summed(expression: str, by: tuple[str, ...] = ()) -> str:
    """The sum over everything but the labels named."""
    return f"sum by ({', '.join(by)}) ({expression})" if by else f"sum({expression})"


def per_second(metric: str, by: tuple[str, ...] = (), **matchers: str) -> str:
    """How fast a counter grows, resets accounted for, summed over replicas."""
    return summed(f"rate({series(metric, **matchers)}[{RATE_WINDOW}])", by)


def grown(metric: str, by: tuple[str, ...] = (), **matchers: str) -> str:
    """By how much a counter grew over the time range shown, resets accounted for, summed over replicas."""
    return summed(f"increase({series(metric, **matchers)}[{SHOWN_RANGE}])", by)


def usd_per_hour(by: tuple[str, ...] = (), **matchers: str) -> str:
    """The bill's speed."""
    return f"{PER_HOUR} * {per_second('costmeter_cost_usd_total', by, **matchers)}"


def usd_per_million(usd: str, tokens: str) -> str:
    """Dollars over tokens. No tokens: no value, because a division by zero is not a price."""
    return f"{PER_MILLION} * {usd} / ({tokens} > 0)"
