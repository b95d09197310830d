"""Totals before anything was counted."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from vllm_costmeter.core.meter import GpuRates, MeterReading, ModelWork
from vllm_costmeter.core.meter.activity import EngineEvent
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.operations import Durations
from vllm_costmeter.core.meter.shares.request_work import RequestWork, WorkSums
from vllm_costmeter.core.meter.shares.share import Share
from vllm_costmeter.core.meter.shares.work_pools import Spent
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.meter.windows import Cumulative
from vllm_costmeter.core.meter.work import Work


@pytest.mark.parametrize(
    ("fresh", "nothing"),
    [
        (astuple(StepCounts()), (0,) * 15),
        (astuple(EngineTotals(7))[2:], (0.0, 0.0, None, None, 0.0, {}, ())),
        (Work().active_seconds, 0.0),
        (Share(), (0.0, 0.0, 0, 0, 0, 0, 0, 0)),
        (Spent(), (0.0, 0.0)),
        (WorkSums(), (0, 0, 0)),
        (RequestWork(1, 1, 1), (1, 1, 1, 0, 0, 0)),
        (Cumulative(1.0, 1.0, 1.0, 1.0, 1.0, 1, 1, 1)[8:], (0.0, 0.0)),
        (Durations(), (0, 0.0)),
        (EngineEvent(1.0, "step"), (1.0, "step", 0, None)),
        (astuple(ModelWork(1, 1, 1.0))[3:], (0, 0, 0, 0, (), 0.0, False)),
        (astuple(GpuRates(1.0, 1.0))[2:], (False, None)),
    ],
)
def test_what_nobody_counted_is_nothing(fresh: object, nothing: object) -> None:
    """A total that starts at anything but 0 would be charged to somebody."""
    assert fresh == nothing


def test_a_reading_charges_no_energy_unless_it_says_so() -> None:
    """What is unknown is missing or None."""
    reading = MeterReading(price=None, tokens={}, gpu_seconds={})
    assert not reading.charges_energy
    assert {value for value in astuple(reading)[3:] if value} == set()
