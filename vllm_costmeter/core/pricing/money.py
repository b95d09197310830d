"""Exact amounts: fractions until they are printed, so that 0.1 + 0.2 is 0.3.

Amounts are rounded once, at the end, half away from zero. The lines of a monthly plan are rounded to the
cent, and the total is the sum of the printed lines, as on an invoice.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from vllm_costmeter.core.errors import BadInputError

LARGEST_POWER_OF_TEN, SMALLEST_POWER_OF_TEN = 18, -18
"""Limits of every number: a value beyond them is a typing error, and slow in exact arithmetic."""


def exact(value: str | int | float | Decimal | Fraction) -> Fraction:
    """The number as written: `exact("0.1")` and `exact(0.1)` are one tenth. ValueError if not a number."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool):
        raise ValueError("not a number")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not number.is_finite():
        raise ValueError("not a number")
    if number and not SMALLEST_POWER_OF_TEN <= number.adjusted() <= LARGEST_POWER_OF_TEN:
        raise ValueError(f"beyond 1e{LARGEST_POWER_OF_TEN} or below 1e{SMALLEST_POWER_OF_TEN}")
    return Fraction(number)


def above_zero(value: str | int | float, what: str) -> Fraction:
    """`value`, exactly. BadInputError naming `what` unless it is a number above 0."""
    return _checked(value, what, "a number above 0", lambda number: number > 0)


def at_least_zero(value: str | int | float, what: str) -> Fraction:
    """`value`, exactly. BadInputError naming `what` unless it is a number of at least 0."""
    return _checked(value, what, "a number of at least 0", lambda number: number >= 0)


def share(value: str | int | float, what: str) -> Fraction:
    """A share above 0 and up to 1, written "50%" or 0.5. BadInputError naming `what` otherwise."""
    text = str(value).strip()
    percent = text.endswith("%")
    allowed = "above 0 and up to 100 %, such as 50% or 0.5"
    number = _checked(text.removesuffix("%"), what, allowed, lambda number: number > 0)
    number = number / 100 if percent else number
    if number > 1:
        hint = f"; {text}% is a share" if not percent and number <= 100 else ""
        raise BadInputError(f"{what} must be {allowed}, got {text[:40]!r}{hint}")
    return number


def _checked(
    value: str | int | float, what: str, allowed: str, holds: Callable[[Fraction], bool]
) -> Fraction:
    try:
        number = exact(value)
    except ValueError as fault:
        why = "" if str(fault) == "not a number" else f" ({fault})"
        raise BadInputError(f"{what} must be {allowed}, got {str(value)[:40]!r}{why}") from None
    if not holds(number):
        raise BadInputError(f"{what} must be {allowed}, got {str(value)[:40]}")
    return number


def rounded(amount: Fraction, digits: int) -> Fraction:
    """`amount` to `digits` decimal places, half away from zero."""
    scale = 10**digits
    whole, rest = divmod(abs(amount) * scale, 1)
    whole += rest >= Fraction(1, 2)
    return Fraction(whole if amount >= 0 else -whole, scale)


def cents(amount: Fraction) -> Fraction:
    """`amount` rounded to the cent."""
    return rounded(amount, 2)


def written(amount: Fraction, digits: int) -> str:
    """`amount` with thousands separators and exactly `digits` decimal places: "2,764.80"."""
    number = rounded(amount, digits)
    whole, rest = divmod(abs(number), 1)
    sign = "-" if number < 0 else ""
    behind = f".{int(rest * 10**digits):0{digits}d}" if digits else ""
    return f"{sign}{int(whole):,}{behind}"


def json_number(amount: Fraction, digits: int = 6) -> float:
    """`amount` for JSON: the nearest float to `digits` decimal places, with more for amounts so small that
    fewer than four significant digits would remain."""
    while amount and abs(amount) * 10**digits < 1000:
        digits += 1
    return float(rounded(amount, digits))
