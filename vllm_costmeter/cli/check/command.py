"""`costmeter check MODEL`: whether it fits, and what to change if it does not."""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vllm_costmeter.cli.check.request import DEPLOYMENTS, FORMATS, REPORTS, CheckRequest, Format, request_from
from vllm_costmeter.cli.check.server_flags import add_server_flags
from vllm_costmeter.cli.parser import CommandParser
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.serve_args.command import may_be_command
from vllm_costmeter.sources.serve_args.flags import describe_flags

if TYPE_CHECKING:
    from vllm_costmeter.core.fit.report import CheckAnswer, FileCounts

EXAMPLES = """\
examples:
  costmeter check ./Llama-3.1-8B --gpu "RTX 4090" --max-model-len 8192
  costmeter check ./Llama-3.1-70B --gpu "H100 SXM:8" --tensor-parallel-size 8 --format json
  costmeter check config.json --gpu-memory-gib 79.19 --kv-cache-dtype fp8
  costmeter check vllm serve ./MODEL --max-num-seqs 64 --gpu "H200 SXM"
  costmeter check deployment.yaml --format github
  costmeter check deploy/ --headroom 10% --waivers waivers.toml --format junit > report.xml
  costmeter check Qwen/Qwen3-8B Qwen/Qwen3-32B --gpu L40S
  costmeter check ./MODEL --gpu "RTX 4090" --compare-versions 0.25.1,0.33.0

A waiver accepts a risk until a day:
  [[waiver]]
  target = "Deployment llama, container vllm"  # as the first column shows it, or FILE, FILE:LINE, MODEL
  reason = "the canary may fail to start"
  expires = 2027-01-31

exit codes: 0 fits (or tight, unless --strict; or waived), 1 refused, 2 bad input, 3 not understood
"""

STARTS = frozenset(("serve", "bench", "chat", "complete", "run-batch", "-m", "run"))
"""The second word of a command, of vLLM, Python or a container tool."""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "check",
        usage="costmeter check (MODEL... | FILE.yaml | FOLDER | vllm serve ...) [--gpu NAME] [flags of vllm serve]",
        description="Check whether a model fits a GPU before it loads: every byte, a verdict, what to change.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="a local folder, config.json, GGUF file, Hub id or packaged name; several print a table",
    )
    parser.add_argument(
        "--file",
        nargs="+",
        action="extend",
        metavar="FILE",
        help="Kubernetes manifests, Compose files or folders of them; - reads standard input",
    )
    parser.add_argument(
        "--skip-other-files", action="store_true", help="ignore files that start no vLLM server"
    )
    parser.add_argument("--allow-unread", action="store_true", help="no exit 3 for what could not be read")
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
    parser.add_argument(
        "--headroom",
        type=_headroom,
        metavar="SHARE",
        help="share of each GPU's memory to keep spare, such as 10%%: the verdict must hold without it",
    )
    parser.add_argument(
        "--other-processes",
        type=_gib_or_none,
        metavar="GIB",
        help="memory that a desktop or a neighbour holds on each named GPU",
    )
    parser.add_argument(
        "--waivers",
        metavar="FILE",
        help="TOML file of accepted risks, each a [[waiver]] with target, reason and expires",
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument(
        "--all-suggestions", action="store_true", help="show every change, not the best three"
    )
    parser.add_argument("--explain", action="store_true", help="show the rule and evidence behind every byte")
    add_server_flags(parser)
    parser.pass_on("models")
    parser.set_defaults(own_flags=parser.own_names)
    describe_flags(parser)


def prepare(words: list[str]) -> list[str]:
    """The command line with a `vllm serve` command or a --config file replaced by model and flags."""
    format_ = machine_format(words)
    if format_ is None:
        return _own_words(words)
    try:
        own = _own_words(words)
        parsed(own)  # invalid flags are in the report too
    except BadInputError as error:
        from vllm_costmeter.cli.check.printing import print_fault

        print_fault(error, format_)
        raise
    return own


def machine_format(words: list[str]) -> Format | None:
    """The report that a CI system reads, if one is asked for: its errors belong in it."""
    for flag, value in pairwise([*words, ""]):
        text = value if flag == "--format" else flag.removeprefix("--format=") if "=" in flag else ""
        for name in REPORTS:
            if text == name:
                return name
    return None


def _own_words(words: list[str]) -> list[str]:
    if "--" not in words and not STARTS.isdisjoint(words):
        from vllm_costmeter.cli.check.bare_command import marked

        words = marked(words)
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
    from vllm_costmeter.cli.check.printing import print_answers, print_fault

    try:
        if request.files is not None or any(map(may_be_deployment, request.models)):
            from vllm_costmeter.cli.check.deployments import with_files_of

            request = with_files_of(request)
        if request.compare_versions is not None:
            from vllm_costmeter.cli.check.versions import run_comparison

            return run_comparison(request)
        answers, counts = _answers(request)
        if request.waivers is not None:
            from vllm_costmeter.cli.check.waivers import waived

            answers = waived(answers, request.waivers, strict=request.is_strict)
    except BadInputError as error:
        if request.format in REPORTS:
            print_fault(error, request.format)
        raise
    print_answers(answers, request, counts)
    from vllm_costmeter.core.fit.report import worst_exit_code

    return worst_exit_code(answers, strict=request.is_strict, allow_unread=request.allow_unread)


def may_be_deployment(name: str) -> bool:
    """Whether a MODEL may be a deployment file or a folder of them; a folder with a config.json is a model."""
    if name == "-" or name.endswith(DEPLOYMENTS):
        return True
    try:
        return bool(name.strip()) and Path(name).is_dir() and not Path(name, "config.json").exists()
    except (OSError, ValueError):
        return False


def _answers(request: CheckRequest) -> tuple[list[CheckAnswer], FileCounts | None]:
    if request.typed is not None:
        from vllm_costmeter.cli.check.typed import checked_command

        return checked_command(request.typed, request)
    if request.files is None:
        from vllm_costmeter.cli.check.targets import checked_models

        return checked_models(request), None
    from vllm_costmeter.cli.check.files import checked_files

    return checked_files(request.files, request)


def _gib(text: str) -> float:
    from vllm_costmeter.core.gpu.group import SMALLEST_GIB
    from vllm_costmeter.sources.serve_args.flag_values import gibibytes

    value = gibibytes(text)
    if value < SMALLEST_GIB:
        raise argparse.ArgumentTypeError(f"must be at least {SMALLEST_GIB}, got {text}")
    return value


def _gib_or_none(text: str) -> float:
    from vllm_costmeter.sources.serve_args.flag_values import gibibytes

    return gibibytes(text)


def _headroom(text: str) -> float:
    from vllm_costmeter.cli.check.headroom import headroom

    return headroom(text)
