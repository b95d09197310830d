"""Every block of the documents does what it says: commands run, files parse, or the page says why it was not tried."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from fenced_blocks import ROOT, Block, Command, blocks, indented
from readers_folder import BATCH, fill
from required_tool import required_tool

from vllm_costmeter.cli import main as command_line
from vllm_costmeter.cli.main import COMMANDS, main
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.sources.serve_args.plugin_flags import PLUGIN_FLAGS
from vllm_costmeter.sources.vllm_cli.flag_table import flag_table

BLOCKS = blocks()
RUN = [block for block in BLOCKS if block.not_run is None]
NEVER_RUN = ("jsonnet", "sh")
KNOWN = ("console", "python", "json", "yaml", "toml", "promql", "text")


def of(*languages: str) -> pytest.MarkDecorator:
    """Those blocks that are tried, one by one."""
    found = [block for block in RUN if block.language in languages]
    return pytest.mark.parametrize("block", found, ids=str)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the reader stands: a checkout's examples, a ledger, results of load tests, no network."""
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COSTMETER_LEDGER", raising=False)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("COSTMETER_CATALOGUE", raising=False)
    return tmp_path


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_names_its_language_and_a_reason_if_it_is_not_run(block: Block) -> None:
    assert block.language in (*KNOWN, *NEVER_RUN), (
        f"{block}: a fence is followed by one of {', '.join(KNOWN)}"
    )
    if block.language in NEVER_RUN:
        assert block.not_run, (
            f"{block}: no test runs {block.language}; <!-- not run: REASON --> before it says why"
        )
    if block.language == "text":
        assert "\n$ " not in f"\n{block.text}", f"{block}: a command is in a block of console"
    if block.not_run is not None:
        assert len(block.not_run) > 10, f"{block}: says why"


def test_code_stands_in_fences() -> None:
    assert indented() == []


@of("console")
def test_the_commands_of_a_block_run(block: Block, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In their order, with the exit code that their comment names (0 without one), and print what is shown below them
    (`...` stands for lines left out)."""
    commands = block.commands()
    assert commands, f"{block}: a command begins with `$ `"
    for command in commands:
        status, printed = run(command, folder, capsys)
        assert status == command.status, f"{block}: {command.text}: {printed}"
        there = [" ".join(line.split()) for line in printed.splitlines()]
        for line in command.shown:
            wanted = " ".join(line.split())
            assert wanted in ("", "...", *there), f"{block}: {command.text}: prints no {line!r} in\n{printed}"


def run(command: Command, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """(exit code, what was printed), in this process; `> FILE` writes."""
    text, _, target = command.text.partition(" > ")
    words = shlex.split(text)
    assert words[0] == "costmeter", (
        f"{command.text}: only costmeter is run here; say why this block is not run"
    )
    try:
        status = main(words[1:])
    except SystemExit as ended:  # --help
        status = int(ended.code or 0)
    out, error = capsys.readouterr()
    if target:
        (folder / target.strip()).write_text(out)
    return status, out + error


@of("python")
def test_the_python_of_a_block_runs(block: Block, folder: Path) -> None:
    exec(compile(block.text, str(block), "exec"), {"__name__": "__main__"})


@of("json")
def test_the_json_of_a_block_parses(block: Block) -> None:
    """As a value, or as members of an object."""
    try:
        json.loads(block.text)
    except json.JSONDecodeError:
        json.loads("{" + block.text.rstrip().rstrip(",") + "}")


@of("yaml")
def test_the_yaml_of_a_block_parses(block: Block) -> None:
    assert any(each is not None for each in yaml.safe_load_all(block.text))


@of("promql")
def test_the_query_of_a_block_parses(block: Block, tmp_path: Path) -> None:
    """As a rule's expression, by Prometheus's own parser."""
    rule = {"record": "documents:query", "expr": block.text}
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "documents", "rules": [rule]}]}))
    command = [required_tool("promtool"), "check", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@of("toml")
def test_the_toml_of_a_block_parses(block: Block) -> None:
    assert tomllib.loads(block.text)


NOT_RUN = [
    (block, command)
    for block in BLOCKS
    if block.language == "console" and block.not_run is not None
    for command in block.commands()
    if command.text.startswith("costmeter ")
]


@pytest.mark.parametrize(
    ("block", "command"), NOT_RUN, ids=[f"{block}-{at}" for at, (block, _) in enumerate(NOT_RUN)]
)
def test_a_command_that_is_not_run_has_flags_that_exist(block: Block, command: Command) -> None:
    """Read by the command's own parser, up to a pipe."""
    words = shlex.split(command.text.partition(" | ")[0].partition(" > ")[0])[1:]
    name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
    module = __import__(COMMANDS[name][0], fromlist=["run"])
    try:
        command_line._parsed(module, name, words[len(name.split()) :])
    except (BadInputError, NotUnderstoodError) as error:
        pytest.fail(f"{block}: {command.text}: {error}")


def test_the_batch_script_that_is_checked_is_the_one_that_the_page_shows() -> None:
    assert BATCH in (ROOT / "docs" / "slurm.md").read_text()


SERVED = [
    (block, line)
    for block in BLOCKS
    if block.language in ("console", "text")
    for line in block.text.replace("\\\n", " ").splitlines()
    if "vllm serve " in line and not line.startswith(("$ costmeter", "costmeter", " "))
]


@pytest.mark.parametrize(
    ("block", "line"), SERVED, ids=[f"{block}-{at}" for at, (block, _) in enumerate(SERVED)]
)
def test_the_flags_of_a_vllm_serve_that_is_shown_are_flags_of_vllm_or_of_ours(
    block: Block, line: str
) -> None:
    """Of the newest release that is recorded."""
    table = flag_table()
    known = table.numbered(len(table.releases) - 1).plus(PLUGIN_FLAGS).by_name
    shown = re.findall(r"(?<=\s)--[a-z][\w-]*", line.partition("vllm serve ")[2].partition(" # ")[0])
    assert [flag for flag in shown if flag not in known] == [], str(block)
