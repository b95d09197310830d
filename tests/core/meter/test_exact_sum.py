"""Sums that do not drift."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.meter.exact_sum import ExactSum


@given(st.lists(st.floats(-1e9, 1e9)))
def test_agrees_with_fsum(amounts: list[float]) -> None:
    """The sum is the correctly rounded one, up to the last bits of the largest partial sum."""
    total = ExactSum()
    for amount in amounts:
        total.add(amount)
    scale = math.fsum(abs(amount) for amount in amounts)
    assert abs(total.value - math.fsum(amounts)) <= 1e-15 * scale


def test_many_small_additions_do_not_drift() -> None:
    """A million tenths are 100,000 to the last bit, where a plain sum is off in the sixth decimal."""
    total, plain = ExactSum(), 0.0
    for _ in range(1_000_000):
        total.add(0.1)
        plain += 0.1
    assert total.value == 100_000.0
    assert plain != 100_000.0


@pytest.mark.parametrize(
    "amounts", [(1.0, 1e17, -1e17), (1e17, 1.0, -1e17), (-1.0, -1e17, 1e17, 2.0), (1e17, -1e17, 1.0)]
)
def test_what_a_large_amount_swallows_comes_back(amounts: tuple[float, ...]) -> None:
    """A dollar added before, between or after amounts that have no room for it."""
    total = ExactSum()
    for amount in amounts:
        total.add(amount)
    assert total.value == 1.0
