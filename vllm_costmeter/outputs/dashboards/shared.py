"""Shared by all dashboards: variables, annotations, metrics and colours."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.panel import Annotation, LabelVariable
from vllm_costmeter.outputs.dashboards.promql import SERVER, series

COST = "costmeter_cost_usd_total"
TOKENS = "costmeter_tokens_total"
PHASE_COST = "costmeter_phase_cost_usd_total"
GPU_SECONDS = "costmeter_gpu_seconds_total"
ENERGY = "costmeter_energy_joules_total"
PHASE_ENERGY = "costmeter_phase_energy_joules_total"

ALWAYS_THERE = GPU_SECONDS
"""The counter that every metered server publishes from its first second, with or without a price."""

CLUSTER = LabelVariable(
    "cluster",
    "Cluster",
    "A label of the scrape targets or an external label of Prometheus; All if there is none.",
    f'label_values({ALWAYS_THERE}{{job=~"$job"}}, cluster)',
    every=".*",
)
JOB = LabelVariable("job", "Job", "Scrape job of the servers.", f"label_values({ALWAYS_THERE}, job)")
MODEL = LabelVariable(
    "model",
    "Model",
    "Served model name, as in requests.",
    f'label_values({ALWAYS_THERE}{{cluster=~"$cluster", job=~"$job"}}, model_name)',
)
INSTANCE = LabelVariable(
    "instance",
    "Instance",
    "Server, as the Prometheus target.",
    f'label_values({ALWAYS_THERE}{{cluster=~"$cluster", job=~"$job", model_name=~"$model"}}, instance)',
)
VARIABLES = (CLUSTER, JOB, MODEL, INSTANCE)

ONE_SERVER = "{{instance}} {{cluster}}"
"""The legend of a server's line."""

OF_THE_CHOSEN = series(ALWAYS_THERE)
BY_SERVER = f"by ({', '.join(SERVER)})"
PRESENT = f"count {BY_SERVER} ({OF_THE_CHOSEN})"
PRESENT_BEFORE = f"count {BY_SERVER} ({OF_THE_CHOSEN} offset $__rate_interval)"
ANNOTATIONS = (
    Annotation(
        "Restarts",
        f"sum {BY_SERVER} (resets({OF_THE_CHOSEN}[$__rate_interval]))",
        f"{ONE_SERVER} restarted: its counters were reset",
        "orange",
    ),
    Annotation(
        "New servers",
        f"({PRESENT} unless {PRESENT_BEFORE}) or 0 * {PRESENT}",
        f"{ONE_SERVER} appeared",
        "blue",
    ),
    Annotation(
        "Down, or refused by the fit check",
        'up{cluster=~"$cluster", job=~"$job", instance=~"$instance"} == bool 0',
        f"{ONE_SERVER} is not responding. A server that the fit check refused looks like this; see its log",
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
KIND_COLOURS = (
    ("prompt_computed", "blue"),
    ("prompt_cached", "purple"),
    ("generated", "green"),
    ("prompt", "orange"),
)
PHASE_COLOURS = (("/^prefill/", "purple"), ("/^decode/", "orange"))
DEFINITION_COLOURS = (
    ("all tokens", "blue"),
    ("generated tokens", "green"),
    ("prefill only", "purple"),
    ("decode only", "orange"),
)
