"""What an error says."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.errors import LONGEST_LINE, BadInputError, NotUnderstoodError, nearest


@pytest.mark.parametrize("kind", [BadInputError, NotUnderstoodError])
def test_a_long_text_is_shortened_in_its_middle(kind: type[Exception]) -> None:
    """The place at its begin and the advice at its end stay; up to the limit nothing is lost."""
    line = str(kind(f"prices.csv, line 7: {'x' * 10_000}: leave it out"))
    assert line.startswith("prices.csv, line 7: x")
    assert line.endswith("x: leave it out")
    assert " ... " in line
    assert len(line) <= LONGEST_LINE
    assert str(kind("y" * LONGEST_LINE)) == "y" * LONGEST_LINE


def test_a_name_of_a_thousand_characters_is_near_to_none() -> None:
    """An empty one neither."""
    assert nearest("max-model-len" * 100, ["--max-model-len"]) == nearest("", ["--max-model-len", ""]) == ""
