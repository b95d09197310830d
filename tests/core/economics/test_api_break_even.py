"""The load from which a server costs less than an API."""

from __future__ import annotations

from fractions import Fraction

from vllm_costmeter.core.economics.api_break_even import api_break_even


def test_at_break_even_a_day_of_both_costs_the_same() -> None:
    """2 USD per hour against 3 USD for 12 tokens, 4 of them generated, at 1 generated token per second."""
    found = api_break_even(Fraction(2), Fraction(3), 12, 4, Fraction(1))
    assert found is not None
    assert found.tokens_per_day * Fraction(3, 12) == 2 * 24
    assert found.generated_per_day == found.tokens_per_day / 3
    assert found.utilisation == found.generated_per_day / 86_400


def test_an_api_that_asks_nothing_has_none() -> None:
    """No load is large enough."""
    assert api_break_even(Fraction(2), Fraction(0), 12, 4) is None
    assert api_break_even(Fraction(2), Fraction(1, 10**9), 1, 0) is not None


def test_without_tokens_there_is_no_load() -> None:
    """A bill for none has no proportions."""
    assert api_break_even(Fraction(2), Fraction(3), 0, 0) is None


def test_without_a_rate_the_utilisation_is_absent() -> None:
    """Not zero."""
    found = api_break_even(Fraction(2), Fraction(3), 12, 4)
    assert found is not None
    assert found.utilisation is None
