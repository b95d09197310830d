"""Unit prices that add up to the bill."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import SERIES, usage

from vllm_costmeter.core.economics.token_prices import (
    CACHED_RULES,
    IDLE_RULES,
    ModelSpend,
    absent_because,
    spend_of_ledgers,
    token_prices,
)
from vllm_costmeter.core.ledger.rows import ShareRow, UsageRow
from vllm_costmeter.core.meter.shares.share import Share

USD = st.one_of(st.just(0.0), st.floats(1e-9, 1e6))
TOKENS = st.one_of(st.just(0), st.integers(1, 10**12))
SPEND = ModelSpend("m", 10.0, 5.0, 2.0, 6.0, 4e6, 1e6, 2e6)
"""2 of its 10 active dollars are of no phase."""


@given(st.tuples(USD, USD, USD, USD), st.tuples(TOKENS, TOKENS, TOKENS), st.data())
def test_the_tokens_of_the_period_cost_its_bill(
    usd: tuple[float, float, float, float], tokens: tuple[int, int, int], data: st.DataObject
) -> None:
    """Whatever was served, whatever the rules."""
    idle, cached = data.draw(st.sampled_from(IDLE_RULES)), data.draw(st.sampled_from(CACHED_RULES))
    spend = ModelSpend("m", *usd, *tokens)
    if spend.tokens == 0:
        assert absent_because(spend) == "no tokens in the period"
        return
    prices = token_prices(spend, idle, cached)
    assert prices.usd(*tokens) == pytest.approx(spend.bill_usd(idle), rel=1e-9, abs=1e-12)
    assert all(price is None or price >= 0 for price in prices[:3])


def test_phases_pay_for_their_tokens_and_idle_follows_them() -> None:
    """A quarter of the bill is prefill's, three quarters decode's."""
    prices = token_prices(SPEND, "include", "free")
    assert prices.input_usd == pytest.approx(15 / 4 / 4e6)
    assert prices.output_usd == pytest.approx(15 * 3 / 4 / 2e6)
    assert (prices.cached_input_usd, prices.divided_by) == (0.0, "phases")
    assert token_prices(SPEND, "exclude", "free").output_usd == pytest.approx(10 * 3 / 4 / 2e6)


def test_a_reader_that_cannot_see_cached_tokens_pays_the_same_for_all_prompt_tokens() -> None:
    """So the sum holds whether or not it tells them apart."""
    prices = token_prices(SPEND, "include", "as-input")
    assert prices.input_usd == prices.cached_input_usd == pytest.approx(15 / 4 / 5e6)


def test_without_phases_every_paid_token_costs_the_same() -> None:
    """A model whose work is not known."""
    prices = token_prices(SPEND._replace(prefill_usd=0.0, decode_usd=0.0), "include", "free")
    assert prices.input_usd == prices.output_usd == pytest.approx(15 / 6e6)
    assert prices.divided_by == "tokens"


def test_a_pooling_model_has_no_output_price() -> None:
    """Its input carries the bill."""
    prices = token_prices(SPEND._replace(generated=0), "include", "free")
    assert prices.output_usd is None
    assert prices.input_usd == pytest.approx(15 / 4e6)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, None),
        ({"prompt_computed": 0, "prompt_cached": 0, "generated": 0}, "no tokens in the period"),
        ({"active_usd": None, "generated": 0}, "no price: its servers were started without one"),
        (
            {"prompt_computed": 0, "prompt_cached": 0, "generated": 0, "unpriced_tokens": 5},
            "no tokens on a server that has a price",
        ),
    ],
)
def test_why_a_model_is_absent(changed: dict[str, float], says: str | None) -> None:
    """No tokens, no price, or never both on one server."""
    assert absent_because(SPEND._replace(**changed)) == says  # type: ignore[arg-type]


def test_ledger_rows_are_added_up_by_model() -> None:
    """Over servers; tokens without a price are apart, adapters named, but not the rest that has no name."""
    unpriced = SERIES._replace(basis="", usd_per_hour=0.0)
    rows = [
        UsageRow(0, SERIES, usage(1.0)),
        UsageRow(60, SERIES._replace(host="node-2"), usage(2.0)),
        UsageRow(0, unpriced, usage(0.0)),
        UsageRow(0, SERIES._replace(model_name="a"), usage(4.0)),
    ]
    shares = [ShareRow(0, SERIES, name, Share(usd=0.1)) for name in ("sql", "other")]
    first, second = spend_of_ledgers(rows, shares)
    assert (first.model_name, first.active_usd, first.adapters) == ("a", 4.0, ())
    assert second == ModelSpend("m", 3.0, 1.5, 0.75, 2.25, 1200, 0, 200, ("sql",), 700)


def test_a_single_token_of_a_kind_has_its_price() -> None:
    """4 USD of prefill and 6 of decode, for one token each.

    One that was cached costs nothing, half of the prefill, or, as the only one, the whole bill.
    """
    spend = ModelSpend("m", 10.0, 0.0, 4.0, 6.0, 1, 1, 1)
    assert token_prices(spend, "include", "free") == (4.0, 0.0, 6.0, "phases")
    assert token_prices(spend, "include", "as-input") == (2.0, 2.0, 6.0, "phases")
    alone = spend._replace(prompt_computed=0, generated=0)
    assert token_prices(alone, "include", "free") == (None, 10.0, None, "phases")
    assert absent_because(alone._replace(prompt_cached=0.5)) is None
