"""What the GPUs do, where a driver tells."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.panel import Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import per_second, series, summed
from vllm_costmeter.outputs.dashboards.shared import NO_GPU

BY_GPU = ("instance", "gpu")
GPU = "{{instance}} GPU {{gpu}}"

MEMORY_SERIES = (
    ("used", "costmeter_gpu_memory_used_bytes"),
    ("this server", "costmeter_gpu_process_memory_bytes"),
    ("total", "costmeter_gpu_memory_total_bytes"),
)
MEMORY = " or ".join(
    f'label_replace({summed(series(metric), BY_GPU)}, "memory", "{name}", "", "")'
    for name, metric in MEMORY_SERIES
)
"""One query: in most containers the driver does not say whose memory it is, and the rest is shown all the same."""

GPUS = Row(
    "GPUs",
    (
        Panel(
            "GPU memory",
            "Each GPU's memory: in use by all processes, held by this server's own processes, and what there is.",
            "lines",
            "bytes",
            (Query(MEMORY, f"{{{{memory}}}} {GPU}"),),
            NO_GPU,
        ),
        Panel(
            "Power",
            "Drawn by each GPU: measured energy over time.",
            "lines",
            "watt",
            (Query(per_second("costmeter_energy_joules_total", BY_GPU), GPU),),
            NO_GPU,
        ),
    ),
)

UTILIZATION = Panel(
    "GPU utilisation",
    "Share of the time in which a kernel ran. It says that the GPU was not empty, not that it was used well.",
    "lines",
    "percentunit",
    (Query(f"avg by (instance, gpu) ({series('costmeter_gpu_utilization_ratio')})", GPU),),
    NO_GPU,
    width=24,
    maximum=1,
)
