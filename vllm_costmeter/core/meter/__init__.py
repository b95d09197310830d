"""A bill that grows with time, and its division among states, phases, tokens and requests."""

from vllm_costmeter.core.meter.meter import Meter
from vllm_costmeter.core.meter.reading import MeterReading, RequestHistogram
from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.meter.split.mfu_work import TokenWork
from vllm_costmeter.core.meter.split.phases import PhaseSplit
from vllm_costmeter.core.meter.split.roofline import GENERIC_CPU, GpuRates, ModelWork

__all__ = [
    "GENERIC_CPU",
    "GpuRates",
    "Meter",
    "MeterReading",
    "ModelWork",
    "PhaseSplit",
    "RequestHistogram",
    "RequestWork",
    "TokenWork",
]
