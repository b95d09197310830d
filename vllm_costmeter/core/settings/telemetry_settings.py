"""Settings of what is read from GPUs and where metrics are sent."""

from __future__ import annotations

from vllm_costmeter.core.settings.setting import Setting
from vllm_costmeter.core.settings.values import gpu_source, http_url, otlp

TELEMETRY_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "gpu_source",
        "NAME",
        gpu_source,
        "Where GPU memory, power and energy are read: nvml (NVIDIA), amdsmi (AMD), dcgm (dcgm-exporter), none, or auto "
        "(default): the first of nvml, amdsmi and, if its address is set, dcgm that lists a GPU.",
    ),
    Setting(
        "gpu_metrics_url",
        "URL",
        http_url,
        "Address of dcgm-exporter's metrics, such as http://localhost:9400/metrics, for servers that do not see the "
        "driver.",
    ),
    Setting(
        "otlp",
        "URL",
        otlp,
        "Push the metrics over OpenTelemetry's protocol to this address, such as http://localhost:4318; off: never "
        "(default: where vLLM's --otlp-traces-endpoint sends traces, if that is set).",
    ),
)
