"""Dollars per token of a window."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.meter.unit_prices import (
    computed_token_usd,
    floor_unit_prices,
    token_rates,
    unit_prices,
)
from vllm_costmeter.core.meter.windows import Cumulative

ADDED = Cumulative(
    seconds=0.5,
    usd=8.0,
    prefill_usd=0.5,
    decode_usd=0.25,
    active_usd=0.75,
    prompt_computed_tokens=1,
    prompt_cached_tokens=1,
    generated_tokens=2,
    floor_compute_usd=0.125,
    floor_memory_usd=0.0625,
)
NOTHING = Cumulative(0.0, 0.0, 0.0, 0.0, 0.0, 0, 0, 0)


def test_each_basis_is_its_dollars_over_its_tokens() -> None:
    """All: the bill over computed, cached and generated ones; without a split there are no phases."""
    all_and_generated = {"all": 2.0, "generated": 4.0}
    assert unit_prices(ADDED, split_known=True) == {**all_and_generated, "prefill": 0.5, "decode": 0.125}
    assert unit_prices(ADDED, split_known=False) == all_and_generated


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ({"prefill_usd": 0.0}, {"all", "generated", "decode"}),
        ({"decode_usd": 0.0}, {"all", "generated", "prefill"}),
        ({"prompt_computed_tokens": 0}, {"all", "generated", "decode"}),
        ({"generated_tokens": 0}, {"all", "prefill"}),
        ({"generated_tokens": 1}, {"all", "generated", "prefill", "decode"}),
    ],
)
def test_a_basis_without_tokens_or_a_phase_without_cost_has_no_price(
    change: dict[str, float], known: set[str]
) -> None:
    """A price of 0 would say that the work is free."""
    assert unit_prices(ADDED._replace(**change), split_known=True).keys() == known


def test_the_floor_is_by_the_resource_that_limits() -> None:
    """The larger of the two, over the same tokens; none without one."""
    floor = {"all": 0.125 / 4, "generated": 0.125 / 2}
    assert floor_unit_prices(ADDED) == floor
    assert floor_unit_prices(ADDED._replace(floor_compute_usd=0.0625, floor_memory_usd=0.125)) == floor
    assert floor_unit_prices(ADDED._replace(floor_compute_usd=0.0, floor_memory_usd=0.0)) == {}


def test_rates_are_tokens_over_the_windows_seconds() -> None:
    """A window without length has none."""
    assert token_rates({"1m": ADDED, "5m": NOTHING}) == {
        ("prompt_computed", "1m"): 2.0,
        ("prompt_cached", "1m"): 2.0,
        ("generated", "1m"): 4.0,
    }


@pytest.mark.parametrize(
    ("minute", "five", "usd"),
    [
        (ADDED, NOTHING, 0.5),
        (NOTHING, ADDED, 0.5),
        (ADDED._replace(prefill_usd=0.0), ADDED._replace(prefill_usd=2.0), 2.0),
        (ADDED._replace(prompt_computed_tokens=0), ADDED, 0.5),
        (NOTHING, NOTHING, None),
    ],
)
def test_a_computed_token_is_priced_by_the_shortest_window_that_has_a_price(
    minute: Cumulative, five: Cumulative, usd: float | None
) -> None:
    """One with such tokens and with a cost of prefill."""
    assert computed_token_usd({"1m": minute, "5m": five, "1h": NOTHING, "total": NOTHING}) == usd
