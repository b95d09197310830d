"""A bill that grows with time, and its division among states, phases, tokens and requests."""

from vllm_costmeter.core.meter.meter import Meter
from vllm_costmeter.core.meter.reading import MeterReading, RequestCosts
from vllm_costmeter.core.meter.shares.request_cost import FinishedRequest, RequestCostHistogram
from vllm_costmeter.core.meter.split.mfu_work import TokenWork
from vllm_costmeter.core.meter.split.phases import PhaseSplit
from vllm_costmeter.core.meter.split.roofline import GENERIC_CPU, GpuRates, ModelWork
from vllm_costmeter.core.meter.unit_prices import RequestUnitPrices

__all__ = [
    "GENERIC_CPU",
    "FinishedRequest",
    "GpuRates",
    "Meter",
    "MeterReading",
    "ModelWork",
    "PhaseSplit",
    "RequestCostHistogram",
    "RequestCosts",
    "RequestUnitPrices",
    "TokenWork",
]
