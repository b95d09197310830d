"""`costmeter check MODEL`: whether it fits, and what to change if it does not."""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from vllm_costmeter.cli.check.request import CheckRequest, request_from
from vllm_costmeter.cli.parser import CommandParser
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.serve_args.command import may_be_command
from vllm_costmeter.sources.serve_args.flags import describe_flags

if TYPE_CHECKING:
    from vllm_costmeter.core.fit.report import CheckAnswer

EXAMPLES = """\
examples:
  costmeter check ./Llama-3.1-8B --gpu "RTX 4090" --max-model-len 8192
  costmeter check ./Llama-3.1-70B --gpu "H100 SXM:8" --tensor-parallel-size 8 --format json
  costmeter check config.json --gpu-memory-gib 79.19 --kv-cache-dtype fp8
  costmeter check --gpu "H200 SXM" -- vllm serve ./MODEL --max-num-seqs 64
  costmeter check --file deployment.yaml --format github
  costmeter check Qwen/Qwen3-8B Qwen/Qwen3-32B --gpu L40S
  costmeter check ./MODEL --gpu "RTX 4090" --compare-versions 0.25.1,0.33.0

exit codes: 0 fits (or tight, unless --strict), 1 refused, 2 bad input, 3 not understood
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "check",
        usage="costmeter check MODEL... [--gpu NAME] [flags of vllm serve] | --file FILE | -- vllm serve ...",
        description="Check whether a model fits a GPU before it loads: every byte, a verdict, what to change.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="a local folder, config.json, GGUF file or Hub id; several print a table",
    )
    parser.add_argument(
        "--file",
        nargs="+",
        action="extend",
        metavar="FILE",
        help="Kubernetes manifests or Compose files; - reads standard input",
    )
    parser.add_argument(
        "--skip-other-files", action="store_true", help="ignore files that start no vLLM server"
    )
    parser.add_argument(
        "--gpu",
        metavar="NAME",
        help='"RTX 4090", or several: "H100 SXM:8"; default: the GPUs of this machine',
    )
    parser.add_argument(
        "--gpu-memory-gib",
        type=_gib,
        metavar="GIB",
        help="memory of one GPU as CUDA reports it, instead of --gpu or the catalogue's",
    )
    parser.add_argument(
        "--vllm-version",
        metavar="V",
        help="release to check for; default: the installed vLLM, else the newest known",
    )
    parser.add_argument(
        "--compare-versions",
        metavar="V,V",
        help="releases to compare: how each part of the memory changes between them",
    )
    parser.add_argument(
        "--exact",
        action="store_true",
        help="count weights and KV cache with the installed vLLM's own code (about 10 s, needs no GPU)",
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 for tight too")
    parser.add_argument("--format", choices=("text", "json", "github"), default="text", help="default: text")
    parser.add_argument("--explain", action="store_true", help="show the rule and evidence behind every byte")
    parser.pass_on("models")
    parser.set_defaults(own_flags=parser.own_names)
    describe_flags(parser)


def prepare(words: list[str]) -> list[str]:
    """The command line with a quoted `vllm serve` command or a --config file replaced by model and flags."""
    if "--format=github" not in words and ("--format", "github") not in pairwise(words):
        return _own_words(words)
    try:
        own = _own_words(words)
        parsed(own)  # invalid flags become an annotation too
    except BadInputError as error:
        _annotate_fault(error)
        raise
    return own


def _own_words(words: list[str]) -> list[str]:
    if "--" not in words and not any(map(may_be_command, words)):
        return words
    from vllm_costmeter.cli.check.words import own_words

    return own_words(words, _parsers()[1].split)


def parsed(words: list[str]) -> CheckRequest:
    """The request in the words of this command. BadInputError for invalid flags."""
    values, _ = _parsers()[0].parse_known_args(["check", *words])
    return request_from(values)


def _parsers() -> tuple[CommandParser, CommandParser]:
    """The parser of `costmeter`, and of this command alone."""
    root = CommandParser(prog="costmeter", allow_abbrev=False)
    subparsers = root.add_subparsers(dest="command", prog="costmeter")
    add_parser(subparsers)
    return root, subparsers.choices["check"]


def run(args: argparse.Namespace) -> int:
    """Print the results; the exit code is that of the worst."""
    request = request_from(args)
    if request.compare_versions is not None:
        from vllm_costmeter.cli.check.versions import run_comparison

        return run_comparison(request)
    try:
        answers = _answers(request)
    except BadInputError as error:
        if request.format == "github":
            _annotate_fault(error)
        raise
    _print(answers, request)
    from vllm_costmeter.core.fit.report import worst_exit_code

    return worst_exit_code(answers, strict=request.is_strict)


def _answers(request: CheckRequest) -> list[CheckAnswer]:
    if request.files is None:
        from vllm_costmeter.cli.check.targets import checked_models

        return checked_models(request)
    from vllm_costmeter.cli.check.files import checked_files

    return checked_files(request.files, request)


def _print(answers: list[CheckAnswer], request: CheckRequest) -> None:
    if request.format == "json":
        from vllm_costmeter.outputs.check.table import json_text

        print(json_text(answers, is_list=request.files is not None or len(request.models) > 1))
        return
    if not answers:
        print("no server checked: no file starts vLLM")
    elif request.format == "github":
        from vllm_costmeter.outputs.check.github import annotation

        print("\n".join(annotation(answer, strict=request.is_strict) for answer in answers))
    if len(answers) > 1:
        from vllm_costmeter.outputs.check.table import table

        print(table(answers), end="")
    for answer in answers:
        _print_one(answer, is_alone=len(answers) == 1, is_explained=request.is_explained)


def _print_one(answer: CheckAnswer, *, is_alone: bool, is_explained: bool) -> None:
    """The full output for a single result, or the explanation that does not fit in a table."""
    if not is_alone and not is_explained:
        return
    if answer.file is not None:
        print(f"{answer.title} ({answer.file}:{answer.line})")
    if answer.fit is None:
        print(f"{answer.verdict}: {answer.message}")
        return
    if is_alone:
        from vllm_costmeter.outputs.check.text import write

        write(answer.fit, sys.stdout)
    if is_explained:
        from vllm_costmeter.outputs.check.explain import explanation
        from vllm_costmeter.outputs.check.text import columns_of

        title = [] if is_alone else [f"{answer.title}: {answer.message}"]
        print("\n".join(["", *title, *explanation(answer.fit, columns_of(sys.stdout))]))


def _annotate_fault(error: BadInputError) -> None:
    from vllm_costmeter.outputs.check.github import workflow_command
    from vllm_costmeter.sources.manifests.place import LocatedError

    if isinstance(error, LocatedError):
        place = error.place
        print(workflow_command("error", error.message, "costmeter", place.file, place.line))
    else:
        print(workflow_command("error", str(error), "costmeter", None, None))


def _gib(text: str) -> float:
    from vllm_costmeter.core.gpu.group import SMALLEST_GIB
    from vllm_costmeter.sources.serve_args.flag_values import gibibytes

    value = gibibytes(text)
    if value < SMALLEST_GIB:
        raise argparse.ArgumentTypeError(f"must be at least {SMALLEST_GIB}, got {text}")
    return value
