"""Active money by LoRA adapter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.meter.shares.adapters import OTHER, AdapterCosts, AdapterSeconds


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


def test_half_a_second_is_half_a_second() -> None:
    """Of one request; a clock that steps back takes none away, and a step that does not say how many run counts one."""
    seconds = AdapterSeconds()
    for now, running in ((10.0, 1), (10.5, 1), (9.0, 0), (9.25, 0)):
        seconds.step(now, {"a": 1}, running)
    assert seconds.seconds() == {"a": 0.75}


def test_names_are_bounded() -> None:
    """Thousands of adapters make a bounded number of samples, and none of their seconds is lost."""
    seconds = AdapterSeconds()
    for number in range(1000):
        seconds.step(float(number), {f"adapter-{number}": 1}, running=1)
    found = seconds.seconds()
    assert len(found) == 51
    assert found[OTHER] == 999 - 50


def test_an_adapter_pays_its_part_of_the_active_money() -> None:
    """A quarter of the active seconds, a quarter of the money; the rest is the base model's."""
    costs = AdapterCosts()
    costs.charge(active_usd=8.0, active_seconds=2.0, adapter_seconds={"a": 0.5})
    assert costs.usd() == {"a": 2.0}


def test_late_seconds_are_paid_later() -> None:
    """Two seconds reported in half an active one: a quarter of each is paid at once and the rest as there is room."""
    costs = AdapterCosts()
    seen = []
    for usd, seconds, total in (
        (4.0, 0.5, {"a": 1.5, "b": 0.5}),
        (4.0, 1.0, {"a": 1.5, "b": 0.5}),
        (6.0, 2.0, {"a": 1.5, "b": 0.5}),
        (6.0, 2.0, {"a": 2.5, "b": 0.25}),
        (6.0, 0.0, {"a": 9.0, "b": 9.0}),
    ):
        costs.charge(usd, seconds, total)
        seen.append(costs.usd())
    assert seen == [
        {"a": 3.0, "b": 1.0},
        {"a": 6.0, "b": 2.0},
        {"a": 7.125, "b": 2.375},
        {"a": 10.125, "b": 2.375},
        {"a": 10.125, "b": 2.375},
    ]


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
