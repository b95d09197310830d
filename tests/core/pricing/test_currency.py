"""Other currencies than the dollar."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.currency import USD, Currency, currency


def test_dollars_are_shown_as_they_are() -> None:
    """Named or not, in any spelling; a dollar costs a dollar."""
    for code, rate in ((None, None), ("USD", None), (" usd ", Fraction(1)), (None, Fraction(1))):
        assert currency(code, rate) is USD
    assert Currency().shown(Fraction(2)) == 2


def test_another_currency_is_shown_at_the_stated_rate() -> None:
    """2.16 USD at 1.08 USD per EUR."""
    euro = currency(" eur", Fraction("1.08"))
    assert (euro.code, euro.shown(Fraction("2.16"))) == ("EUR", 2)


@pytest.mark.parametrize(
    ("code", "rate", "says"),
    [
        ("EUR", None, "--currency EUR needs a rate: --usd-per-unit, the dollars per EUR"),
        ("EURO", Fraction(1), "must be a three-letter code such as EUR, got 'EURO'"),
        ("", Fraction(1), "must be a three-letter code such as EUR, got ''"),
        ("E1R", Fraction(1), "must be a three-letter code"),
        ("USD", Fraction(2), "--usd-per-unit is for another currency"),
        (None, Fraction(2), "--usd-per-unit is for another currency"),
    ],
)
def test_no_rate_is_built_in_and_no_code_is_guessed(
    code: str | None, rate: Fraction | None, says: str
) -> None:
    with pytest.raises(BadInputError, match=says):
        currency(code, rate)
