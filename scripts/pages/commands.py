"""docs/commands.md: every command with its arguments and examples, from the parsers of the commands themselves."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Iterator

from vllm_costmeter.cli.main import COMMANDS
from vllm_costmeter.cli.parser import CommandParser

INTRODUCTION = """\
# Commands

`costmeter COMMAND --help` prints the same. Bad input is one line on standard error and exit code 2, and nothing is
written ([troubleshooting.md](troubleshooting.md)); Ctrl-C ends a command with 130. The answer of `--format json` has a
`schema` with a version.
"""


def commands() -> str:
    """The page. What argparse lays out differently from one Python to the next is not in it."""
    rows = [f"| [`{name}`](#costmeter-{_anchor(name)}) | {text} |" for name, (_, text) in COMMANDS.items()]
    lines = [INTRODUCTION, "| command | what it does |", "|---|---|", *rows, ""]
    for name in COMMANDS:
        lines += _section(f"costmeter {name}", parser_of(name), "##")
    return "\n".join(lines).rstrip() + "\n"


def parser_of(name: str) -> CommandParser:
    """What reads the command's words."""
    root = CommandParser(prog="costmeter", allow_abbrev=False)
    subparsers = root.add_subparsers(dest="command", prog="costmeter")
    importlib.import_module(COMMANDS[name][0]).add_parser(subparsers)
    parser: CommandParser = subparsers.choices[name]
    return parser


def _section(title: str, parser: argparse.ArgumentParser, level: str) -> Iterator[str]:
    yield from (f"{level} {title}", "", parser.description or "", "")
    if parser.usage:
        yield from ("```text", parser.usage % {"prog": parser.prog}, "```", "")
    rows = [
        _row(action)
        for group in parser._action_groups
        for action in group._group_actions
        if not isinstance(action, argparse._SubParsersAction | argparse._HelpAction)
        and action.help is not argparse.SUPPRESS
    ]
    if rows:
        yield from ("| argument | meaning |", "|---|---|", *rows, "")
    if parser.epilog:
        yield from ("```text", parser.epilog.strip("\n"), "```", "")
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from _section(f"{title} {name}", inner, "###")


def _row(action: argparse.Action) -> str:
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    shown = " ".join(value) if isinstance(value, tuple) else str(value)
    names = action.option_strings and ", ".join(action.option_strings)
    takes = "" if action.nargs == 0 else shown
    argument = f"{names} {takes}".strip() if names else shown
    text = (action.help or "as in vLLM").replace("%%", "%").replace("|", "\\|").replace("<", "&lt;")
    default = str(action.default)
    text = text.replace("%(default)s", default)
    return f"| `{argument.replace('|', chr(92) + '|')}` | {' '.join(text.split())} |"


def _anchor(name: str) -> str:
    return re.sub(r"\W+", "-", name)
