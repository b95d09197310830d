"""Pages as dcgm-exporter writes them."""

from __future__ import annotations

from vllm_costmeter.sources.gpu.dcgm_page import ExportedGpu, exported_gpus
from vllm_costmeter.sources.servers.metrics_text import parse_page


def uuid(gpu: int) -> str:
    return f"GPU-{gpu:08x}-0000-0000-0000-000000000000"


def line(metric: str, value: float, number: int = 0, **labels: str) -> str:
    """One sample of GPU `number`: DCGM_FI_DEV_`metric`."""
    told = {
        "gpu": str(number),
        "UUID": uuid(number),
        "device": f"nvidia{number}",
        "modelName": "NVIDIA H100 80GB HBM3",
        "Hostname": "node-a",
        **labels,
    }
    labels_text = ",".join(f'{key}="{text}"' for key, text in told.items())
    return f"DCGM_FI_DEV_{metric}{{{labels_text}}} {value}"


def gpu_lines(gpu: int = 0, *, joules: float = 1000.0, watts: float = 300.0, **labels: str) -> list[str]:
    """One busy H100."""
    values = {
        "POWER_USAGE": watts,
        "TOTAL_ENERGY_CONSUMPTION": joules * 1000,
        "GPU_UTIL": 97,
        "FB_USED": 1024,
        "FB_FREE": 79_983,
    }
    return [line(metric, value, gpu, **labels) for metric, value in values.items()]


def read(*lines: str) -> tuple[ExportedGpu, ...]:
    """The GPUs of a page with these lines."""
    return exported_gpus(parse_page("\n".join(lines), "page").samples)
