"""GPU memory, power and utilization, as reported by the driver."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.divided import (
    joules,
    measured_tokens,
    of_the_model,
    phase_joules_per_token,
)
from vllm_costmeter.outputs.dashboards.panel import Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import SERVER, rate, series, summed
from vllm_costmeter.outputs.dashboards.shared import NO_GPU, ONE_SERVER, PHASE_COLOURS

BY_GPU = (*SERVER, "gpu")
GPU = f"{ONE_SERVER} GPU {{{{gpu}}}}"

MEMORY_SERIES = (
    ("used", "costmeter_gpu_memory_used_bytes"),
    ("this server", "costmeter_gpu_process_memory_bytes"),
    ("total", "costmeter_gpu_memory_total_bytes"),
)
_EACH_MEMORY = " or ".join(
    f'label_replace({summed(series(metric), BY_GPU)}, "memory", "{name}", "", "")'
    for name, metric in MEMORY_SERIES
)
MEMORY = of_the_model(f"({_EACH_MEMORY})")
"""One query, so that used and total memory are shown in containers where the driver does not report processes."""

GPUS = Row(
    "GPUs",
    (
        Panel(
            "GPU memory",
            "Memory of each GPU: in use by all processes, in use by this server, and total.",
            "lines",
            "bytes",
            (Query(MEMORY, f"{{{{memory}}}} {GPU}"),),
            NO_GPU,
            width=24,
            left_out_of_legend="/^total /",  # a flat line, and the legend of eight GPUs is long
        ),
        Panel(
            "Power",
            "Power draw of each GPU: measured energy over time. A GPU that servers share is drawn for each of them.",
            "lines",
            "watt",
            (Query(summed(joules(rate), BY_GPU), GPU),),
            NO_GPU,
        ),
        Panel(
            "Energy per token",
            "Joules per computed prompt token (prefill) and per generated token (decode), by the work of each phase; "
            "all: the GPUs' whole energy, idle time included, per generated token. Of servers whose driver reports "
            "energy. Servers that share a GPU (MIG, time slicing) each report all of its energy: `all` then counts it "
            "once for each of them. Engines that do not tell cached prompt tokens apart: prefill is per prompt token.",
            "lines",
            "joule",
            (
                Query(phase_joules_per_token(rate, "prefill"), "prefill"),
                Query(phase_joules_per_token(rate, "decode"), "decode"),
                Query(f"{summed(joules(rate))} / ({summed(measured_tokens(rate))} > 0)", "all"),
            ),
            "the driver reports no energy, or no tokens",
            logarithmic=True,
            colours=(*PHASE_COLOURS, ("all", "blue")),
        ),
    ),
)

UTILIZATION = Panel(
    "GPU utilization",
    "Share of time in which a kernel was running. A high value means that the GPU was busy, not that it was used well.",
    "lines",
    "percentunit",
    (
        Query(
            f"avg by ({', '.join(BY_GPU)}) ({of_the_model(series('costmeter_gpu_utilization_ratio'))})", GPU
        ),
    ),
    NO_GPU,
    width=24,
    maximum=1,
)
