"""Currencies other than USD, at a stated exchange rate: none is built in, because rates change."""

from __future__ import annotations

import re
from fractions import Fraction

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError


@dataclass(frozen=True, slots=True)
class Currency:
    """The currency in which amounts are shown."""

    code: str = "USD"
    usd_per_unit: Fraction = Fraction(1)

    def shown(self, usd: Fraction) -> Fraction:
        """`usd` in this currency."""
        return usd / self.usd_per_unit


USD = Currency()


def currency(code: str | None, usd_per_unit: Fraction | None) -> Currency:
    """BadInputError if the rate is missing, is given for USD, or the code is not three letters."""
    folded = ("USD" if code is None else code).strip().upper()
    if not re.fullmatch("[A-Z]{3}", folded):
        raise BadInputError(f"--currency must be a three-letter code such as EUR, got {code!r}")
    if folded == "USD":
        if usd_per_unit not in (None, 1):
            raise BadInputError("--usd-per-unit is for another currency: name it, as in --currency EUR")
        return USD
    if usd_per_unit is None:
        raise BadInputError(f"--currency {folded} needs a rate: --usd-per-unit, the dollars per {folded}")
    return Currency(folded, usd_per_unit)
