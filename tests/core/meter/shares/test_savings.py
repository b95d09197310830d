"""What cached prompt tokens would have cost."""

from __future__ import annotations

from vllm_costmeter.core.meter.shares.savings import CachedSavings


def test_tokens_wait_for_a_price_and_are_priced_once() -> None:
    """Forty before it is known, ten more at another price, none twice."""
    savings, seen = CachedSavings(), []
    for cached, price in ((30, None), (40, 0.5), (40, 9.0), (50, 2.0), (60, None)):
        savings.advance(cached, price)
        seen.append(savings.usd)
    assert seen == [0.0, 20.0, 20.0, 40.0, 40.0]
