"""Every figure of the comparison that the project started from, by the commands that docs/economics.md lists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from vllm_costmeter.cli.main import main

DOCS = Path(__file__).parents[3] / "docs" / "economics.md"
ROW = re.compile(r"^\| (.+?) \| `costmeter (.+?)` \| ([^|]+) \| ([^|]+) \|(?: [^|]+ \|)?$", re.MULTILINE)
ROWS = [match.groups() for match in ROW.finditer(DOCS.read_text())]


def test_the_page_lists_all_of_its_tables() -> None:
    """8 prices, 6 of an owned GPU, 5 models, 20 plans, 10 trainings by model, 32 others, 7 scenarios, 7 loads."""
    assert len(ROWS) == 95


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}: {row[3]}" for row in ROWS])
def test_the_documented_command_prints_the_figure(
    row: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the named line of its text, with the package's own catalogue."""
    says, command, line, value = row
    if command.startswith(("estimate ", "recommend ")):
        pytest.importorskip("vllm", reason="its release decides what fits: the page is of the installed one")
    monkeypatch.delenv("COSTMETER_CATALOGUE", raising=False)
    main(shlex.split(command))
    lines = [" ".join(each.split()) for each in capsys.readouterr().out.splitlines()]
    found = [each for each in lines if each.startswith(line)]
    wanted = re.compile(rf"(?<![\d.,]){re.escape(value)}(?![\d])")
    assert any(wanted.search(each.removeprefix(line)) for each in found), (says, found or lines)
