"""`costmeter check MODEL`: whether it fits, and what to change where it does not."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Any

from vllm_costmeter.api import check_plan
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit import Fit
from vllm_costmeter.core.fit_result import EXIT_CODES
from vllm_costmeter.sources.chosen_gpu import chosen_gpu
from vllm_costmeter.sources.serve_command import command_flags, is_command, normalised
from vllm_costmeter.sources.serve_flags import add_serve_flags, plan_from, unmodelled_flags

EXAMPLES = """\
examples:
  costmeter check ./Llama-3.1-8B --gpu "RTX 4090" --max-model-len 8192
  costmeter check ./Llama-3.1-70B --gpu "H100 SXM:8" --tensor-parallel-size 8 --format json
  costmeter check config.json --gpu-memory-gib 79.19 --kv-cache-dtype fp8
  costmeter check --gpu "H200 SXM" -- vllm serve ./MODEL --max-num-seqs 64

exit codes: 0 fits (or tight, unless --strict), 1 refused, 2 bad input, 3 not understood
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "check",
        usage="costmeter check MODEL [--gpu NAME] [flags of vllm serve]",
        description="Say whether a model fits a GPU, before anything loads: every byte, a verdict, what to change.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("model", nargs="?", help="a local folder or config.json")
    parser.add_argument("--gpu", metavar="NAME", help='a card, or several: "RTX 4090", "H100 SXM:8"')
    parser.add_argument(
        "--gpu-memory-gib",
        type=_gib,
        metavar="GIB",
        help="memory of the card as CUDA shows it, instead of --gpu",
    )
    parser.add_argument("--vllm-version", metavar="V", help="whose rules apply; default: the installed vLLM")
    parser.add_argument("--strict", action="store_true", help="exit 1 also where it is tight")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("--model", dest="model_flag", metavar="MODEL", help=argparse.SUPPRESS)
    parser.add_argument("--config", dest="config_file", help=argparse.SUPPRESS)
    parser.add_argument("--costmeter-gpu", help=argparse.SUPPRESS)
    add_serve_flags(parser)


def prepare(words: list[str]) -> list[str]:
    """Flags before `--`, then the model and flags of the whole command behind it."""
    own, command = words, []
    if "--" in words:
        split = words.index("--")
        own, command = words[:split], words[split + 1 :]
        if is_command(command):
            command = command_flags(command)
    return normalised([*own, *command])


def run(args: argparse.Namespace) -> int:
    """Print the answer of one check; its exit code."""
    try:
        result = checked(args)
    except NotUnderstoodError as error:
        return _unknown(args, str(error))
    if args.format == "json":
        from vllm_costmeter.outputs.check_json import to_json_text

        print(to_json_text(result))
    else:
        from vllm_costmeter.outputs.check_text import write

        write(result, sys.stdout)
    return result.exit_code(strict=args.strict)


def _unknown(args: argparse.Namespace, message: str) -> int:
    """The answer about a model whose memory rules are not known at all."""
    if args.format == "json":
        from vllm_costmeter.outputs.check_json import unknown_json_text

        print(unknown_json_text(args.model_flag or args.model, message))
    else:
        print(f"unknown: {message}")
    return EXIT_CODES["unknown"]


def checked(args: argparse.Namespace) -> Fit:
    """Read the world, judge, suggest. BadInputError and NotUnderstoodError as the sources raise them."""
    model_path = args.model_flag or args.model
    if model_path is None:
        raise BadInputError("no model: give a local folder or a config.json, as in `costmeter check ./MODEL`")
    if args.config_file is not None:
        raise BadInputError("--config is not read: put the flags of that file on the command line")
    plan = plan_from(args, args.vllm_version)
    gpu = chosen_gpu(args.gpu or args.costmeter_gpu, args.gpu_memory_gib, plan.layout)
    return with_notes(check_plan(model_path, gpu, plan), args)


def with_notes(result: Fit, args: argparse.Namespace) -> Fit:
    """The answer with a sentence for every given flag that it does not follow."""
    notes = tuple(
        f"{flag} may change memory in a way this check does not follow" for flag in unmodelled_flags(args)
    )
    return replace(result, notes=(*result.notes, *notes))


def _gib(text: str) -> float:
    from vllm_costmeter.sources.serve_flag_values import gibibytes

    value = gibibytes(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return value
