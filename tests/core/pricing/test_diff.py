"""What a refreshed list of prices changes."""

from __future__ import annotations

from fractions import Fraction

from vllm_costmeter.core.pricing.diff import PriceChange, Quote, changes


def quote(name: str, *usd: int) -> Quote:
    return Quote((name, "a provider"), tuple(map(Fraction, usd)))


def change(name: str, before: int | None, after: int | None) -> PriceChange:
    old, new = (None if usd is None else (Fraction(usd),) for usd in (before, after))
    return PriceChange((name, "a provider"), old, new)


def test_what_was_added_removed_or_changed_is_listed_by_name() -> None:
    """And what stayed is not, whatever the order of the lists."""
    old = [quote("kept", 1), quote("gone", 2), quote("dearer", 3)]
    new = [quote("new", 4), quote("dearer", 5), quote("kept", 1)]
    expected = [change("dearer", 3, 5), change("gone", 2, None), change("new", None, 4)]
    assert changes(old, new) == expected
    assert changes(old[::-1], new[::-1]) == expected


def test_of_several_quotes_the_cheapest_counts() -> None:
    """On either side, so that a dearer one that comes or goes changes nothing."""
    several = [quote("a", 3), quote("a", 2), quote("a", 4)]
    assert changes([quote("a", 2)], several) == changes(several, [quote("a", 2)]) == []
    assert changes(several, [quote("a", 3)]) == [change("a", 2, 3)]


def test_a_price_of_several_parts_changes_with_any_of_them() -> None:
    """Input, output and cached tokens of an API."""
    (found,) = changes([quote("m", 1, 2, 3)], [quote("m", 1, 2, 4)])
    assert (found.before, found.after) == ((1, 2, 3), (1, 2, 4))
