"""What the demo says at its end."""

from __future__ import annotations

import shlex

import pytest

from scripts.demo.__main__ import closing
from vllm_costmeter.cli.main import COMMANDS


def test_the_end_of_the_demo_names_the_live_page_the_terminal_view_and_the_report() -> None:
    shown = closing(61.4)
    assert "http://HOST:8000/costmeter" in shown
    assert "costmeter top HOST:8000" in shown
    assert "costmeter report --ledger .demo/ledger.sqlite3" in shown
    assert "61 s" in shown


@pytest.mark.parametrize(
    "line", [line for line in closing(1).splitlines() if "costmeter " in line and "`" not in line]
)
def test_a_command_at_the_end_of_the_demo_is_one_of_ours(line: str) -> None:
    words = shlex.split(line[line.index("costmeter ") :])
    assert words[1] in COMMANDS
