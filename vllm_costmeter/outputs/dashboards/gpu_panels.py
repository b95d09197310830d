"""What the GPUs do, where a driver tells."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.panel import Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import (
    per_second,
    series,
    summed,
)
from vllm_costmeter.outputs.dashboards.shared import (
    NO_GPU,
)

GPUS = Row(
    "GPUs",
    (
        Panel(
            "GPU memory",
            "Memory in use on each GPU of this server by all processes, and what there is.",
            "lines",
            "bytes",
            (
                Query(
                    summed(series("costmeter_gpu_memory_used_bytes"), ("instance", "gpu")),
                    "{{instance}} GPU {{gpu}} used",
                ),
                Query(
                    summed(series("costmeter_gpu_memory_total_bytes"), ("instance", "gpu")),
                    "{{instance}} GPU {{gpu}} total",
                ),
            ),
            NO_GPU,
        ),
        Panel(
            "Power",
            "Drawn by each GPU: measured energy over time.",
            "lines",
            "watt",
            (
                Query(
                    per_second("costmeter_energy_joules_total", ("instance", "gpu")),
                    "{{instance}} GPU {{gpu}}",
                ),
            ),
            NO_GPU,
        ),
    ),
)
