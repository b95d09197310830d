"""A rate, hours and their product, rounded so that the printed figures multiply."""

from __future__ import annotations

import math
from fractions import Fraction

from vllm_costmeter.core.pricing.currency import Currency
from vllm_costmeter.core.pricing.money import rounded, written
from vllm_costmeter.outputs.economics.answer import amount

_MOST_DIGITS_MORE = 12
_CENTS = 2


def product(
    usd_per_hour: Fraction, hours: Fraction, usd: Fraction, currency: Currency
) -> tuple[str, str, str]:
    """The three in the reader's currency, with the fewest digits such that the first two multiply to the
    third, to the cent.

    `usd` is whole cents. Whole hours have no decimals.
    """
    wanted = rounded(currency.shown(usd), _CENTS)
    total = written(wanted, _CENTS)
    rate, rate_digits = currency.shown(usd_per_hour), _digits(amount(usd_per_hour, currency, 3))
    hours_digits = 0 if hours.denominator == 1 else 1
    for more in range(_MOST_DIGITS_MORE):
        for of_hours in range(more + 1) if hours_digits else (0,):
            factors = (rate, rate_digits + more - of_hours), (hours, hours_digits + of_hours)
            by, over = (rounded(*factor) for factor in factors)
            if rounded(by * over, _CENTS) == wanted:
                return written(*factors[0]), written(*factors[1]), total
    return _of_total(wanted, rate_digits, over) if over else written(*factors[0]), written(*factors[1]), total


def hours_text(hours: Fraction) -> str:
    """Whole hours without decimals, others with one."""
    return written(hours, 0 if hours.denominator == 1 else 1)


def _of_total(wanted: Fraction, rate_digits: int, hours: Fraction) -> str:
    """The smallest rate that gives a total already rounded in the conversion to another currency."""
    least = max(Fraction(0), wanted - Fraction(1, 2 * 10**_CENTS)) / hours
    while rounded((rate := _rounded_up(least, rate_digits)) * hours, _CENTS) != wanted:
        rate_digits += 1
    return written(rate, rate_digits)


def _rounded_up(amount: Fraction, digits: int) -> Fraction:
    return Fraction(math.ceil(amount * 10**digits), 10**digits)


def _digits(text: str) -> int:
    return len(text.partition(".")[2])
