"""Active money by LoRA adapter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.meter.shares.adapters import MOST_ADAPTERS, OTHER, AdapterCosts, AdapterSeconds


def test_time_belongs_to_the_requests_that_ran() -> None:
    """Between steps, in equal parts; requests of the base model take theirs."""
    seconds = AdapterSeconds()
    seconds.step(10.0, {"a": 1, "b": 2}, running=4)
    seconds.step(12.0, {"a": 1}, running=1)
    seconds.step(13.0, {}, running=0)
    seconds.step(99.0, {}, running=0)
    assert seconds.seconds() == {"a": 1.5, "b": 1.0}


def test_without_adapters_nothing_is_counted() -> None:
    """The base model alone has no sample."""
    seconds = AdapterSeconds()
    seconds.step(1.0, {}, running=5)
    seconds.step(2.0, {}, running=5)
    assert seconds.seconds() == {}


def test_names_are_bounded() -> None:
    """Thousands of adapters make a bounded number of samples, and none of their seconds is lost."""
    seconds = AdapterSeconds()
    for number in range(1000):
        seconds.step(float(number), {f"adapter-{number}": 1}, running=1)
    found = seconds.seconds()
    assert len(found) == MOST_ADAPTERS + 1
    assert found[OTHER] == 999 - MOST_ADAPTERS


def test_an_adapter_pays_its_part_of_the_active_money() -> None:
    """A quarter of the active seconds, a quarter of the money; the rest is the base model's."""
    costs = AdapterCosts()
    costs.charge(active_usd=8.0, active_seconds=2.0, adapter_seconds={"a": 0.5})
    assert costs.usd() == {"a": 2.0}


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5), st.floats(0, 5)), max_size=40))
def test_adapters_never_pay_more_than_was_active(ticks: list[tuple[float, float, float]]) -> None:
    """Whatever is reported late: never more than the active money, never less than before, and late seconds are paid
    while there is room."""
    costs, a, b, active = AdapterCosts(), 0.0, 0.0, 0.0
    paid: dict[str, float] = {}
    for seconds, more_a, more_b in ticks:
        a, b, active = a + more_a, b + more_b, active + seconds
        costs.charge(seconds * 3.0, seconds, {"a": a, "b": b})
        now = costs.usd()
        assert all(now[name] >= usd for name, usd in paid.items())
        paid = now
        assert sum(now.values()) <= active * 3.0 + 1e-9
    costs.charge(3e6, 1e6, {"a": a, "b": b})
    assert sum(costs.usd().values()) == pytest.approx((a + b) * 3.0)
