"""`costmeter scenarios`: the best GPU for each of a list of uses."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from vllm_costmeter.cli.economics import finetune, recommend
from vllm_costmeter.cli.economics.answer_flags import add_format_flag
from vllm_costmeter.cli.economics.recommend_flags import recommend_flags
from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.cli.parser import CommandParser
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.outputs.economics import answer, scenarios_answer
from vllm_costmeter.outputs.economics.scenarios_answer import Answer, served, trained
from vllm_costmeter.sources.catalogue.load import USER_FILE_VARIABLE, default_price, find_gpu
from vllm_costmeter.sources.scenarios.file import PACKAGED, Scenario, read_scenarios

EXAMPLES = """\
examples:
  4090 or H100? the two GPUs for each use of the comparison that the project started from
    costmeter scenarios
  every GPU that has a price (takes half a minute); other GPUs; questions of your own
    costmeter scenarios --gpus all
    costmeter scenarios --gpus "L40S, A100 80GB PCIe"
    costmeter scenarios --file mine.toml

A file has [[scenario]] tables with a question and a command: `recommend` or `finetune` and its flags, without the GPUs.

exit codes: 0 each has an answer, 1 one has none, 2 bad input, 3 a model is not understood
"""
COMMANDS = ("recommend", "finetune")
ROWS = 10_000
"""Of `recommend`: all, so that the first row of another GPU is among them."""


@dataclass(frozen=True, slots=True)
class ScenariosFlags:
    """The command line."""

    gpus: str
    file: str | None
    format: answer.Format


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "scenarios",
        usage="costmeter scenarios [--gpus NAMES|all] [--file FILE] [options]",
        description="The GPUs that serve or train each of a list of uses at the least cost, each proven to fit.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--gpus",
        metavar="NAMES",
        default="RTX 4090, H100 SXM",
        help='the choice, or all; default: "RTX 4090, H100 SXM"',
    )
    parser.add_argument(
        "--file", metavar="FILE", help="scenarios from a TOML file; default: twelve included ones"
    )
    add_format_flag(parser)


def run(args: argparse.Namespace, today: date | None = None) -> int:
    """Print the table; exit code 1 if a scenario has no answer."""
    flags, today = typed(ScenariosFlags, args), today or datetime.now(UTC).date()
    gpus = _gpus(flags.gpus)
    scenarios = read_scenarios(Path(flags.file) if flags.file else PACKAGED, COMMANDS)
    found = []
    for number, scenario in enumerate(scenarios, 1):
        if sys.stderr.isatty():
            print(f"\r{number} of {len(scenarios)}", end="", file=sys.stderr, flush=True)
        found.append(_answered(scenario, gpus, today))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    values, sections = scenarios_answer.values(found), scenarios_answer.sections(found)
    print(answer.rendered(flags.format, scenarios_answer.SCHEMA, values, sections), end="")
    if any(each.best is None and not each.is_unknown for each in found):
        return 1
    return 3 if any(each.is_unknown for each in found) else 0


def _gpus(text: str) -> list[str]:
    """Their names in the catalogue; none for all. BadInputError for an unknown one, or none named."""
    if text.strip().casefold() == "all":
        return []
    named = [find_gpu(part.strip()) for part in text.split(",") if part.strip()]
    if not named:
        raise BadInputError(f"--gpus names no GPU: got {text!r:.40}")
    for gpu in named:
        gpu.as_gpu()
        if default_price(gpu, 1) is None:
            raise BadInputError(
                f"--gpus: the catalogue has no price for {gpu.name}: add one to {USER_FILE_VARIABLE}"
            )
    return list(dict.fromkeys(gpu.name for gpu in named))


def _answered(scenario: Scenario, gpus: Sequence[str], today: date) -> Answer:
    """BadInputError names the scenario."""
    name, *words = scenario.words
    is_recommend = name == "recommend"
    if gpus:
        words += ["--gpus", ",".join(gpus)] if is_recommend else [w for gpu in gpus for w in ("--gpu", gpu)]
    command = " ".join(("costmeter", *map(_quoted, (name, *words))))
    try:
        _reject_gpus_and_formats(scenario)
        args = _parsed(recommend if is_recommend else finetune, name, words)
        if is_recommend:
            args.rows = ROWS
            _, answered = recommend.recommended(recommend_flags(args), args.max_model_len, today)
            return served(scenario.question, command, answered)
        if args.tokens is None:
            raise BadInputError("finetune needs --tokens, so that GPUs can be compared by what it costs")
        _, asked, rows = finetune.judged_rows(args, today)
        return trained(scenario.question, command, asked, rows, args.tokens)
    except BadInputError as fault:
        raise BadInputError(f"{scenario.where} ({scenario.question}): {fault}") from None
    except NotUnderstoodError as fault:
        return Answer(scenario.question, command, why=str(fault), is_unknown=True)


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word and not set(word) & set('"$`\\') else shlex.quote(word)


def _reject_gpus_and_formats(scenario: Scenario) -> None:
    taken = ("--gpu", "--format", "--write", "--rows") + (
        ("--gpus",) if scenario.words[0] == "recommend" else ()
    )
    for word in scenario.words:
        if word.partition("=")[0] in taken:
            raise BadInputError(f"{word.partition('=')[0]} is not part of a scenario: leave it out")


def _parsed(module: Any, name: str, words: Sequence[str]) -> argparse.Namespace:
    root = CommandParser(prog="costmeter", allow_abbrev=False)
    subparsers = root.add_subparsers(dest="command", prog="costmeter")
    module.add_parser(subparsers)
    values, extra = root.parse_known_args([name, *words])
    if extra:
        raise subparsers.choices[name].unknown(extra)
    found: argparse.Namespace = values
    return found
