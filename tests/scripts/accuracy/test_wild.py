"""Starts that nobody had tried when the rules were written."""

from __future__ import annotations

from scripts.accuracy.wild import FAILED, wild_starts


def test_no_served_start_is_refused() -> None:
    """A false refusal is worse than a late one."""
    assert [
        each.name for each in wild_starts() if each.outcome not in FAILED and not each.verdict_holds
    ] == []


def test_no_failed_start_fits() -> None:
    """Too many requests for the blocks, cold compile caches, too small pools."""
    assert [each.name for each in wild_starts() if each.outcome in FAILED and not each.verdict_holds] == []


def test_every_logged_pool_lies_in_the_range() -> None:
    """Those of first starts in the range of first starts."""
    inside = {each.name: each.is_inside for each in wild_starts() if each.is_inside is not None}
    assert len(inside) >= 14
    assert [name for name, is_inside in inside.items() if not is_inside] == []
