"""Tenants by number, so that a request carries an integer and the number of names is bounded."""

from __future__ import annotations

from collections.abc import Callable, Collection

from vllm_costmeter.core.tenants.names import OTHER, UNTAGGED

UNTAGGED_NUMBER, OTHER_NUMBER = range(2)


class TenantNumbers:
    """The first `limit` names get a number each, in the order in which they come; all later ones are `other`.

    A name that has a budget gets one beyond the limit too, so that nobody hides in `other` behind a crowd of names. One
    thread asks for numbers, another reads names: a name is there before its number is given.
    """

    def __init__(self, limit: int, budgeted: Callable[[], Collection[str]] = tuple) -> None:
        self._left = limit
        self._budgeted = budgeted
        self._names = [UNTAGGED, OTHER]
        self._numbers = {"": UNTAGGED_NUMBER, UNTAGGED: UNTAGGED_NUMBER, OTHER: OTHER_NUMBER}

    def of(self, name: str) -> int:
        """The number of a normalised name."""
        number = self._numbers.get(name)
        if number is None:
            if name not in self._budgeted():
                if not self._left:
                    return OTHER_NUMBER
                self._left -= 1
            number = len(self._names)
            self._names.append(name)
            self._numbers[name] = number
        return number

    def name(self, number: int) -> str:
        """Its name; `other` for a number that was never given."""
        return self._names[number] if 0 <= number < len(self._names) else OTHER
