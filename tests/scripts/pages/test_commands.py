"""The page of commands."""

from __future__ import annotations

import re
import shlex

import pytest

from scripts.pages.commands import commands, parser_of
from vllm_costmeter.cli import main as command_line
from vllm_costmeter.cli.main import COMMANDS
from vllm_costmeter.core.errors import BadInputError

EXAMPLES = [
    line.strip()
    for name in COMMANDS
    for line in (parser_of(name).epilog or "").replace("\\\n", " ").splitlines()
    if re.match(r" +(costmeter|[A-Z_]+=\S+ costmeter) ", line)
]


def test_every_command_is_on_the_page_with_an_example() -> None:
    page = commands()
    for name in COMMANDS:
        section = page.partition(f"\n## costmeter {name}\n")[2].partition("\n## ")[0]
        examples = section.rpartition("\n```text\n")[2]
        assert re.search(rf"costmeter {name}\b", examples), name


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_a_help_is_accepted_by_the_command(
    example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its flags exist and its values are of their kind; it is not run."""
    words = shlex.split(re.split(" [|<>] ", example)[0], comments=True)
    words = words[words.index("costmeter") + 1 :]
    name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
    module = __import__(COMMANDS[name][0], fromlist=["run"])
    try:
        command_line._parsed(module, name, words[len(name.split()) :])
    except BadInputError as error:
        pytest.fail(f"{example}: {error}")
