"""Commands without a shell's syntax, which the base install reads by itself."""

from __future__ import annotations

import sys

import pytest
from shells import line

from vllm_costmeter.sources.shell.plain import plain_words
from vllm_costmeter.sources.shell.syntax import INSTALL_HINT, ParserMissingError


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("A=1 vllm serve m \\\n --j '{\"a\": 1}' \"b c\"", ["A=1", "vllm", "serve", "m", "--j", '{"a": 1}', "b c"]),
        ("vllm serve $M", None),
        ("a; b", None),
        ("a | b > c", None),
        ("a # b", None),
        ("A=1", None),
        ("", None),
    ],
)  # fmt: skip
def test_words_of_a_plain_command(script: str, expected: list[str] | None) -> None:
    """Quotes and continuations alone."""
    found = plain_words(script, 1)
    assert (None if found is None else [word.text for word in found]) == expected


def test_without_the_parser_a_plain_command_is_read_and_a_script_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The extra is needed for syntax only."""
    monkeypatch.setitem(sys.modules, "tree_sitter", None)
    monkeypatch.setitem(sys.modules, "tree_sitter_bash", None)
    assert line("vllm serve m --max-model-len 8") == "m --max-model-len 8"
    with pytest.raises(ParserMissingError) as caught:
        line("M=m; vllm serve $M")
    assert str(caught.value) == INSTALL_HINT
