"""Shared by all dashboards: variables, annotations, colours, the four definitions of $/M."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.outputs.dashboards.panel import Annotation, LabelVariable, Query
from vllm_costmeter.outputs.dashboards.promql import grown, per_second, usd_per_million

COST = "costmeter_cost_usd_total"
TOKENS = "costmeter_tokens_total"
PHASE_COST = "costmeter_phase_cost_usd_total"
GPU_SECONDS = "costmeter_gpu_seconds_total"
ENERGY = "costmeter_energy_joules_total"

ALWAYS_THERE = GPU_SECONDS
"""The counter that every metered server publishes from its first second, with or without a price."""

JOB = LabelVariable("job", "Job", "Scrape job of the servers.", f"label_values({ALWAYS_THERE}, job)")
MODEL = LabelVariable(
    "model",
    "Model",
    "Served model name, as in requests.",
    f'label_values({ALWAYS_THERE}{{job=~"$job"}}, model_name)',
)
INSTANCE = LabelVariable(
    "instance",
    "Instance",
    "Server, as the Prometheus target.",
    f'label_values({ALWAYS_THERE}{{job=~"$job", model_name=~"$model"}}, instance)',
)
VARIABLES = (JOB, MODEL, INSTANCE)

OF_THE_CHOSEN = f'{ALWAYS_THERE}{{job=~"$job", instance=~"$instance"}}'
PRESENT = f"count by (instance) ({OF_THE_CHOSEN})"
PRESENT_BEFORE = f"count by (instance) ({OF_THE_CHOSEN} offset $__rate_interval)"
ANNOTATIONS = (
    Annotation(
        "Restarts",
        f"sum by (instance) (resets({OF_THE_CHOSEN}[$__rate_interval]))",
        "{{instance}} restarted: its counters were reset",
        "orange",
    ),
    Annotation(
        "New servers",
        f"({PRESENT} unless {PRESENT_BEFORE}) or 0 * {PRESENT}",
        "{{instance}} appeared",
        "blue",
    ),
    Annotation(
        "Down, or refused by the fit check",
        'up{job=~"$job", instance=~"$instance"} == bool 0',
        "{{instance}} is not responding. A server that the fit check refused looks like this; see its log",
        "red",
    ),
)

TIMES = "suffix: times"
"""Grafana's unit for an unbounded ratio: "6.6 times"."""

NO_PRICE = "no price: set --gpu-hourly-usd"
NO_TOKENS = "no tokens"
NO_GPU = "no NVIDIA driver"

STATE_COLOURS = (("active", "green"), ("idle", "orange"), ("asleep", "blue"))
COMPONENT_COLOURS = (
    ("rental", "blue"),
    ("depreciation", "purple"),
    ("electricity", "orange"),
    ("overhead", "green"),
)
KIND_COLOURS = (("prompt_computed", "blue"), ("prompt_cached", "purple"), ("generated", "green"))
PHASE_COLOURS = (("/^prefill/", "purple"), ("/^decode/", "orange"))
DEFINITION_COLOURS = (
    ("all tokens", "blue"),
    ("generated tokens", "green"),
    ("prefill only", "purple"),
    ("decode only", "orange"),
)


def definitions(counted: Callable[..., str] = per_second, moment: bool = False) -> tuple[Query, ...]:
    """$/M by the meter's four definitions, from counters: running (`per_second`) or over the range (`grown`)."""
    bill = counted(COST)
    generated = counted(TOKENS, kind="generated")
    prefill = usd_per_million(counted(PHASE_COST, phase="prefill"), counted(TOKENS, kind="prompt_computed"))
    decode = usd_per_million(counted(PHASE_COST, phase="decode"), generated)
    expressions = (usd_per_million(bill, counted(TOKENS)), usd_per_million(bill, generated), prefill, decode)
    names = (name for name, _ in DEFINITION_COLOURS)
    return tuple(Query(text, name, moment) for text, name in zip(expressions, names, strict=True))


def over_the_range() -> tuple[Query, ...]:
    """$/M by definition over the whole visible time range."""
    return definitions(grown, moment=True)
