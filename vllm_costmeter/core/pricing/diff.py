"""Changes between an old and a refreshed list of prices."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from vllm_costmeter.core.dataclass import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Quote:
    """One price and its key: a GPU's rental, or a model at an API."""

    key: tuple[str, ...]
    usd: tuple[Fraction, ...]
    """A GPU's rate per hour, or an API's input, output and cached prices per million tokens."""


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A price that was added (`before` is None), removed (`after` is None) or changed."""

    key: tuple[str, ...]
    before: tuple[Fraction, ...] | None
    after: tuple[Fraction, ...] | None


def changes(before: Iterable[Quote], after: Iterable[Quote]) -> list[PriceChange]:
    """Changed prices, sorted by key. If a key has several quotes, the cheapest counts."""
    old, new = _by_key(before), _by_key(after)
    found = [PriceChange(key, old.get(key), new.get(key)) for key in sorted(old.keys() | new.keys())]
    return [change for change in found if change.before != change.after]


def _by_key(quotes: Iterable[Quote]) -> dict[tuple[str, ...], tuple[Fraction, ...]]:
    found: dict[tuple[str, ...], tuple[Fraction, ...]] = {}
    for quote in sorted(quotes):
        found.setdefault(quote.key, quote.usd)
    return found
