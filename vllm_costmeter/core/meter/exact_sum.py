"""A running sum of floats that does not drift."""

from __future__ import annotations


class ExactSum:
    """Neumaier's compensated sum: after a year of one-second additions the error is still one rounding.

    Source: A. Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, ZAMM 54 (1974).
    """

    __slots__ = ("_compensation", "_sum")

    def __init__(self) -> None:
        self._sum = 0.0
        self._compensation = 0.0

    def add(self, amount: float) -> None:
        """Add `amount`; the low-order bits lost in the sum are kept separately."""
        total = self._sum + amount
        if abs(self._sum) >= abs(amount):
            self._compensation += (self._sum - total) + amount
        else:
            self._compensation += (amount - total) + self._sum
        self._sum = total

    @property
    def value(self) -> float:
        """The sum of everything added, correctly rounded except for the last bit."""
        return self._sum + self._compensation
