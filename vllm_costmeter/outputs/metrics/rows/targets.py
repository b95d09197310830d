"""Metrics of the servers that `costmeter exporter` reads."""

from __future__ import annotations

from vllm_costmeter.outputs.metrics.row import MetricRow

ALWAYS = "`costmeter exporter` runs"
ONCE_READ = "the target was read at least once"

TARGET_METRICS: tuple[MetricRow, ...] = (
    MetricRow(
        "costmeter_target_up",
        "gauge",
        ("target",),
        "",
        "1 if the engine's page was read at the last attempt, else 0.",
        ALWAYS,
    ),
    MetricRow(
        "costmeter_target_down_info",
        "gauge",
        ("target", "reason"),
        "",
        "1 for the reason why it was not, as a keyword.",
        "the target is down",
    ),
    MetricRow(
        "costmeter_target_info",
        "gauge",
        ("target", "engine", "model_name"),
        "",
        "1 for the engine and the model of the target.",
        ONCE_READ,
    ),
    MetricRow(
        "costmeter_target_errors_total",
        "counter",
        ("target", "reason"),
        "",
        "Attempts at which the engine's page could not be read, by reason.",
        "there was one",
    ),
    MetricRow(
        "costmeter_target_unseen_seconds_total",
        "counter",
        ("target",),
        "seconds",
        "Time charged as idle because the engine did not answer for longer than 10 s: nobody knows what it did.",
        ONCE_READ,
    ),
    MetricRow(
        "costmeter_target_restarts_total",
        "counter",
        ("target",),
        "",
        "Restarts of the engine's process, seen by its counters.",
        ONCE_READ,
    ),
    MetricRow(
        "costmeter_discovery_up",
        "gauge",
        (),
        "",
        "1 if the list of targets was read at the last attempt, else 0: the last known ones are read on.",
        "--discover is given",
    ),
)
