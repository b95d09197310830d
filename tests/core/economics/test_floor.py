"""The least seconds of a request: all its work at the rates that a GPU publishes."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.economics.throughput import Load, floor_seconds
from vllm_costmeter.core.meter.split.roofline import GpuRates, ModelWork

WORK = ModelWork(active_parameters=1_000_000_000, weight_bytes=2_000_000_000, kv_bytes_per_token=1000.0)
LOAD = Load(concurrency=4, prompt_tokens=1000, output_tokens=2)


@pytest.mark.parametrize("running", [1, 4, 32])
def test_computing_takes_each_request_as_long_however_many_run(running: int) -> None:
    """2 FLOPs per parameter and token: 1000 of the prompt and 2 after it, at 10^12 FLOPs a second."""
    rates = GpuRates(flops_per_second=1e12, memory_bytes_per_second=1e15)
    assert floor_seconds(WORK, rates, LOAD, running) == pytest.approx(2e9 * 1002 / 1e12)


@pytest.mark.parametrize("running", [1, 4, 32])
def test_those_that_run_together_share_the_reading_of_the_weights(running: int) -> None:
    """Two steps read 2 GB of weights for all, and of each the KV of 1001 tokens on average."""
    rates = GpuRates(flops_per_second=1e18, memory_bytes_per_second=1e12)
    expected = 2 * (2e9 / running + 1001 * 1000) / 1e12
    assert floor_seconds(WORK, rates, LOAD, running) == pytest.approx(expected)
