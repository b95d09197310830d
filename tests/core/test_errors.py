"""What an error says."""

from __future__ import annotations

from difflib import get_close_matches
from random import Random

import pytest

from vllm_costmeter.core.errors import LONGEST_LINE, BadInputError, NotUnderstoodError, closest, nearest
from vllm_costmeter.sources.vllm_cli.flag_table import flag_table


@pytest.mark.parametrize("kind", [BadInputError, NotUnderstoodError])
def test_a_long_text_is_shortened_in_its_middle(kind: type[Exception]) -> None:
    """The place at its begin and the advice at its end stay; up to the limit nothing is lost."""
    line = str(kind(f"prices.csv, line 7: {'x' * 10_000}: leave it out"))
    assert line.startswith("prices.csv, line 7: x")
    assert line.endswith("x: leave it out")
    assert " ... " in line
    assert len(line) <= LONGEST_LINE
    assert str(kind("y" * LONGEST_LINE)) == "y" * LONGEST_LINE


@pytest.mark.parametrize("count", [1, 3])
def test_the_closest_names_are_those_of_difflib(count: int) -> None:
    """Comparing less finds the same names in the same order."""
    random, names = Random(count), list(flag_table().at().by_name)
    for _ in range(40):
        letters = list(random.choice(names))
        for _ in range(random.randrange(1, 9)):
            letters[random.randrange(len(letters))] = random.choice("abcdefg-/tionmae")
        typed = "".join(letters)
        assert closest(typed, names, count, 0.5) == get_close_matches(typed, names, n=count, cutoff=0.5)


def test_a_name_of_a_thousand_characters_is_near_to_none() -> None:
    """An empty one neither."""
    assert nearest("max-model-len" * 100, ["--max-model-len"]) == nearest("", ["--max-model-len", ""]) == ""
