"""Every way to save, for two servers whose hours can be checked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vllm_costmeter.core.economics.idle.cheaper_gpu import PricedGpu
from vllm_costmeter.core.economics.idle.return_times import ReturnTimes
from vllm_costmeter.core.economics.idle.saving import Delays
from vllm_costmeter.core.economics.idle.savings import (
    SHORTEST_TIME_OUT_SECONDS,
    TIME_OUTS_SECONDS,
    model_savings,
)
from vllm_costmeter.core.economics.idle.timeline import Replica, Step
from vllm_costmeter.core.gpu.spec import GpuSpec

HOUR = range(0, 3600, 60)
WORKS, WAITS = Step(60, 1, 0.5, 100), Step(usd=0.5)
TIMES = ReturnTimes(30.0, 3.0, None)
NOW = PricedGpu(
    GpuSpec("now", memory_bytes=8, bandwidth_bytes_per_second=1.0, bf16_flops_per_second=1.0), 2.0
)
HALF_PRICE = PricedGpu(replace(NOW.spec, name="half"), 1.0)


def server(name: str, *busy: int) -> Replica:
    """An hour for 30 USD, in which these minutes work."""
    steps = {minute: WORKS if minute // 60 in busy else WAITS for minute in HOUR}
    return Replica("m", name, "now", 1, steps)


TWO = [server("a", 0), server("b", 30)]
"""Idle from minute 1, and until minute 30 and from 31."""


def test_the_time_outs_that_are_tried_are_those_of_the_page() -> None:
    """From 5 minutes, of which there are no shorter ones, to 4 hours."""
    assert tuple(60 * minutes for minutes in (5, 10, 15, 30, 60, 120, 240)) == TIME_OUTS_SECONDS
    assert SHORTEST_TIME_OUT_SECONDS == 300


def test_the_bill_and_the_idle_time_are_those_of_all_servers() -> None:
    """60 USD, 2 of 120 minutes busy, two at once."""
    found = model_savings(TWO, TIMES, [300], NOW, [])
    assert (found.model_name, found.usd, found.requests, found.servers) == ("m", pytest.approx(60), 2, 2)
    assert found.idle_share == pytest.approx(118 / 120)
    assert found.times == TIMES


def test_all_servers_go_to_zero_together_and_each_sleeps_alone() -> None:
    """After 10 minutes: both, at 1 USD a minute, are off for 19 minutes and, after a start of 30 s, for 18.5.

    Asleep the first is for 49, the other for 20 and, after waking for 3 s, for 18.95.
    """
    zero, one, two, _ = model_savings(TWO, TIMES, [600], None, []).savings
    assert (zero.way, zero.setting, zero.on_the_bill, zero.time_out_seconds) == (
        "scale_to_zero",
        "after 10 min",
        True,
        600,
    )
    assert zero.usd == pytest.approx(19 + 18.5)
    assert (zero.starts, zero.delays) == (1, Delays(1, 30.0, 30.0))
    assert (one.way, one.on_the_bill, one.time_out_seconds) == ("sleep_level_1", False, 600)
    assert one.usd == pytest.approx((49 + 20 + 18.95) / 2)
    assert (one.starts, one.delays) == (1, Delays(1, 3.0, 3.0))
    assert (two.way, two.on_the_bill, two.delays) == ("sleep_level_2", False, Delays(1, None, None))
    assert two.usd == pytest.approx((49 + 20 + 19) / 2)


def test_time_outs_are_written_in_hours_or_minutes() -> None:
    found = model_savings(TWO, TIMES, [90, 300, 3600, 5400, 7200], None, []).savings
    settings = [each.setting for each in found if each.way == "sleep_level_1"]
    assert settings == ["after 1.5 min", "after 5 min", "after 1 h", "after 90 min", "after 2 h"]


def test_ways_that_were_judged_are_not_said_to_be_left_out() -> None:
    """Two servers and a known GPU; a GPU that would save stands among the ways with half of the bill."""
    found = model_savings(TWO, TIMES, [300], NOW, [HALF_PRICE])
    assert found.left_out == ()
    assert [each.way for each in found.savings] == [
        "scale_to_zero",
        "sleep_level_1",
        "sleep_level_2",
        "fewer_replicas",
        "cheaper_gpu",
    ]
    assert found.savings[-1].usd == pytest.approx(30)


def test_what_was_left_out_is_said_with_its_reason() -> None:
    """A model with one server, on a GPU that none undercuts, that is unknown, or that is always busy."""
    alone = "fewer replicas: the model had one server at a time, or generates no tokens"
    none = "cheaper GPU: none with the memory of now would keep up for less"
    assert model_savings(TWO[:1], TIMES, [300], NOW, []).left_out == (alone, none)
    unknown = "cheaper GPU: the GPU is not known or not in the catalogue"
    assert model_savings(TWO, TIMES, [300], None, [HALF_PRICE]).left_out == (unknown,)
    busy = [server("a", *range(60))]
    assert model_savings(busy, TIMES, [300], NOW, [HALF_PRICE]).left_out == (alone, none)


def test_a_server_without_minutes_was_neither_paid_nor_idle() -> None:
    found = model_savings([Replica("m", "a", "", 1, {})], TIMES, [300], NOW, [HALF_PRICE])
    assert (found.usd, found.requests, found.idle_share, found.servers) == (0, 0, 0, 0)
    assert [each.way for each in found.savings if each.usd] == []
