"""Range coverage, by set of starts."""

from __future__ import annotations

from scripts.accuracy.logged_boots import boot_rows
from scripts.accuracy.logged_cases import case_rows
from scripts.accuracy.ranges import BEFORE, GOAL, measured
from scripts.accuracy.wild import wild_starts


def test_each_set_of_starts_reaches_the_goal() -> None:
    """At least 95 % of the logged pools lie in the printed range, for boots, posted and wild starts apart."""
    found = measured(list(boot_rows()), list(case_rows()), wild_starts())
    assert {each.name for each in found} == set(BEFORE)
    assert [each.name for each in found if each.share < GOAL] == []
