"""Shell scripts as words, held against Python's own splitter where the two mean the same."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.sources.manifests.shell import commands


def texts(script: str, **variables: str) -> list[list[str]]:
    """Words without their lines."""
    return [[word.text for word in command] for command in commands(script, variables)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("a b\\\n  c", [["a", "b", "c"]]),
        ("a 'b c' \"d e\"", [["a", "b c", "d e"]]),
        ("a; b && c | d\ne", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ("a # b\nc", [["a"], ["c"]]),
        ("a#b", [["a#b"]]),
        ("a '' b", [["a", "", "b"]]),
        ("a $X ${X}y '$X' \"$X\" $Y ${Y:-z} ${Y-z}", [["a", "1", "1y", "$X", "1", "$Y", "z", "z"]]),
        ("a $(b c) d", [["a", "$(b c)", "d"]]),
        ('a "unfinished', [["a", "unfinished"]]),
        ("a \\", [["a", ""]]),
    ],
)
def test_words_as_a_shell_splits_them(script: str, expected: list[list[str]]) -> None:
    """Continuations, quotes, operators, comments and variables."""
    assert texts(script, X="1") == expected


def test_words_know_their_line() -> None:
    """Across continuations and quotes that hold a newline."""
    (command,) = commands("a \\\n b 'c\nd' e", {}, first_line=10)
    assert [(word.text, word.line) for word in command] == [("a", 10), ("b", 11), ("c\nd", 11), ("e", 12)]


@given(st.lists(st.text(min_size=1), min_size=1))
def test_quoted_words_come_back(words: list[str]) -> None:
    """What shlex quotes, this splits."""
    assert texts(shlex.join(words)) == [words]
