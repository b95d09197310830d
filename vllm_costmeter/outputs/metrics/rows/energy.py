"""Metrics of energy and GPUs, as far as the driver reports them."""

from __future__ import annotations

from vllm_costmeter.outputs.metrics.row import MetricRow

NVML = "the driver reports it"

GPU_METRICS: tuple[MetricRow, ...] = (
    MetricRow(
        "costmeter_energy_joules_total",
        "counter",
        ("gpu",),
        "joules",
        "Energy used by the GPU since the meter started, from the driver's energy counter or power readings.",
        NVML,
    ),
    MetricRow(
        "costmeter_active_energy_joules_total",
        "counter",
        ("model_name",),
        "joules",
        "Measured energy while at least one request was running, this server's share of its GPUs.",
        NVML,
    ),
    MetricRow(
        "costmeter_phase_energy_joules_total",
        "counter",
        ("model_name", "phase"),
        "joules",
        "Energy of active time split between prefill and decode as the cost is; divide by tokens for joules per token.",
        "the driver reports energy and the model's shape is known",
    ),
    MetricRow(
        "costmeter_unattributed_joules",
        "gauge",
        ("model_name",),
        "joules",
        "Energy of active time not attributed to a finished request, as costmeter_unattributed_usd.",
        NVML,
    ),
    MetricRow(
        "costmeter_energy_source_info",
        "gauge",
        ("gpu", "source"),
        "",
        "1 for the energy source used for electricity and carbon: counter, power, or tdp (rated power, an estimate).",
        "electricity or carbon is charged for this GPU now",
    ),
    MetricRow(
        "costmeter_carbon_grams_total",
        "counter",
        ("model_name",),
        "gCO2e",
        "Carbon emissions of the energy used: joules x PUE x the configured carbon intensity of the grid.",
        "a carbon intensity is set and energy is measured or estimated from rated power",
    ),
    MetricRow(
        "costmeter_gpu_memory_used_bytes",
        "gauge",
        ("gpu", "name"),
        "bytes",
        "GPU memory in use by all processes.",
        NVML,
    ),
    MetricRow(
        "costmeter_gpu_memory_total_bytes",
        "gauge",
        ("gpu", "name"),
        "bytes",
        "Total GPU memory available to programs.",
        NVML,
    ),
    MetricRow("costmeter_gpu_power_watts", "gauge", ("gpu", "name"), "watts", "Power draw of the GPU.", NVML),
    MetricRow(
        "costmeter_gpu_utilization_ratio",
        "gauge",
        ("gpu", "name"),
        "",
        "Fraction of time in which a kernel was running on the GPU.",
        NVML,
    ),
    MetricRow(
        "costmeter_gpu_process_memory_bytes",
        "gauge",
        ("gpu",),
        "bytes",
        "GPU memory in use by this server's processes.",
        NVML,
    ),
    MetricRow(
        "costmeter_request_energy_joules",
        "histogram",
        ("model_name",),
        "joules",
        "Energy attributed to each request that ended, by the same work as its cost.",
        NVML,
    ),
)
