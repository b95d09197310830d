"""What each metric is called in OpenTelemetry: from its row in the metric table, so that none can be forgotten; pure.

Hardware names are those of the semantic conventions 1.44.0 (2026-08-04, hw.* in status development). GenAI conventions
(open-telemetry/semantic-conventions-genai, read 2026-11) have names for latencies and for what a client used, none for
what a server counted or spent: those are `costmeter.*`. Names carry no unit and no `_total`; units are UCUM's, with
what it has not (dollars, tokens) in braces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.outputs.metrics.row import MetricRow

Instrument = Literal["counter", "updowncounter", "gauge", "histogram"]

UNITS: Mapping[str, str] = {
    "": "1",
    "USD": "{USD}",
    "USD per hour": "{USD}/h",
    "USD per million tokens": "{USD}/{Mtoken}",
    "bytes": "By",
    "gCO2e": "g",
    "joules": "J",
    "operations": "{operation}",
    "requests": "{request}",
    "seconds": "s",
    "seconds since 1970": "s",
    "tokens": "{token}",
    "tokens per second": "{token}/s",
    "watts": "W",
}
"""By the table's unit."""
_ENDINGS = ("_usd", "_joules", "_grams", "_bytes", "_ratio", "_seconds", "_watts", "_tokens")

NAMES: Mapping[str, str] = {
    "costmeter_energy_joules_total": "hw.energy",
    "costmeter_gpu_power_watts": "hw.power",
    "costmeter_gpu_memory_used_bytes": "hw.gpu.memory.usage",
    "costmeter_gpu_memory_total_bytes": "hw.gpu.memory.limit",
    "costmeter_gpu_utilization_ratio": "hw.gpu.utilization",
    "costmeter_gpu_seconds_total": "costmeter.gpu.time",
    "costmeter_gpu_process_memory_bytes": "costmeter.gpu.process.memory.usage",
    "costmeter_unattributed_usd": "costmeter.unattributed_cost",
    "costmeter_unattributed_joules": "costmeter.unattributed_energy",
    "costmeter_unexplained_usd": "costmeter.unexplained_cost",
    "costmeter_carbon_grams_total": "costmeter.carbon_emissions",
    "costmeter_preflight_bytes": "costmeter.preflight.memory",
}
"""Where a convention exists, or where a name without its unit would say too little."""
_UP_AND_DOWN = ("hw.gpu.memory.usage", "hw.gpu.memory.limit")
_ALSO: Mapping[str, tuple[tuple[str, str], ...]] = {"hw.gpu.utilization": (("hw.gpu.task", "general"),)}
_ATTRIBUTES: Mapping[str, str] = {"model_name": "gen_ai.request.model", "gpu": "hw.id", "name": "hw.model"}
_TOKEN_TYPES = {
    "prompt": "input",
    "prompt_computed": "input",
    "prompt_cached": "input",
    "generated": "output",
}


@dataclass(frozen=True, slots=True)
class OtelMetric:
    """One metric in OpenTelemetry's terms."""

    name: str
    unit: str
    instrument: Instrument
    also: tuple[tuple[str, str], ...] = ()
    """Attributes of all its points."""


def otel_metric(row: MetricRow) -> OtelMetric:
    """A unit that is not in `UNITS` stands in braces as it is."""
    name = NAMES.get(row.name) or f"costmeter.{_without_unit(row.name.removeprefix('costmeter_'))}"
    is_hardware = name.startswith("hw.")
    also = ((("hw.type", "gpu"),) if is_hardware else ()) + _ALSO.get(name, ())
    return OtelMetric(
        name,
        UNITS.get(row.unit) or f"{{{row.unit}}}",
        "updowncounter" if name in _UP_AND_DOWN else row.kind,
        also,
    )


def otel_attributes(labels: Mapping[str, str], metric: OtelMetric) -> dict[str, str]:
    """The labels as attributes: conventions' names, else `costmeter.` and the label. Tokens carry GenAI's type too."""
    found = {_ATTRIBUTES.get(label, f"costmeter.{label}"): value for label, value in labels.items()}
    if metric.unit == "{token}" and (kind := _TOKEN_TYPES.get(labels.get("kind", ""))):
        found["gen_ai.token.type"] = kind
    return found | dict(metric.also)


def _without_unit(name: str) -> str:
    """`cost_usd_total` is `cost`; `usd_per_million_tokens`, `tokens` and `source_up` stay."""
    bare = name.removesuffix("_total")
    if "_per_" in bare:
        return bare
    return next((bare.removesuffix(ending) for ending in _ENDINGS if bare.endswith(ending)), bare)
