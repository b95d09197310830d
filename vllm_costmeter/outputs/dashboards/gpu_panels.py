"""GPU memory, power and utilization, as reported by the driver."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.panel import Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import per_second, series, summed
from vllm_costmeter.outputs.dashboards.shared import ENERGY, NO_GPU, PHASE_COLOURS, TOKENS

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
"""One query, so that used and total memory are shown in containers where the driver does not report processes."""


def _phase_energy(phase: str) -> str:
    return per_second("costmeter_phase_energy_joules_total", phase=phase)


def _per_token(joules_per_second: str, kind: str) -> str:
    return f"{joules_per_second} / ({per_second(TOKENS, kind=kind)} > 0)"


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
            "Power draw of each GPU: measured energy over time.",
            "lines",
            "watt",
            (Query(per_second(ENERGY, BY_GPU), GPU),),
            NO_GPU,
        ),
        Panel(
            "Energy per token",
            "Joules per computed prompt token (prefill) and per generated token (decode), by the work of each phase; "
            "all: the GPUs' whole energy, idle time included, per generated token.",
            "lines",
            "joule",
            (
                Query(_per_token(_phase_energy("prefill"), "prompt_computed"), "prefill"),
                Query(_per_token(_phase_energy("decode"), "generated"), "decode"),
                Query(_per_token(per_second(ENERGY), "generated"), "all"),
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
    (Query(f"avg by (instance, gpu) ({series('costmeter_gpu_utilization_ratio')})", GPU),),
    NO_GPU,
    width=24,
    maximum=1,
)
