"""`costmeter matrix`: which models fit on which cards, in which precision."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from vllm_costmeter.assembly import grounds_on
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.matrix import WORKING_TOKENS, Cell, cell
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.precision import precision, requantized
from vllm_costmeter.outputs.economics import answer, matrix_answer
from vllm_costmeter.sources.catalogue.load import parse_gpu
from vllm_costmeter.sources.models.packaged import PACKAGED, models_in, named_model
from vllm_costmeter.sources.serve_args.flag_values import whole

EXAMPLES = """\
examples:
  4090 or H100: which models fit?
    costmeter matrix --gpus "RTX 4090,H100 SXM"
  any models on any cards
    costmeter matrix --models models.txt --gpus "RTX 4090,H100 SXM,8x RTX 4090" --quantizations fp16,fp8,q4
    costmeter matrix --model ./Qwen3-30B-A3B --model "Llama 3.3 70B" --gpus "L40S:2" --format markdown

models.txt has one model per line: a folder, a config.json, a Hub id, or one of: Llama 3.1 8B, Llama 2 13B, Qwen3 32B,
Llama 3.3 70B, Llama 3.1 405B (these come with the package). Q4 is AWQ in groups of 128.

exit codes: 0 answered, 2 bad input, 3 where no cell could be answered
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "matrix",
        usage='costmeter matrix [--models FILE | --model MODEL...] --gpus "RTX 4090,H100 SXM" [options]',
        description="Say which models fit on which cards: fits, tight (with the length that fits), no.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--models", metavar="FILE", help="one model per line; default: five that come with the package"
    )
    parser.add_argument(
        "--model", metavar="MODEL", action="append", default=[], help="one model; may be repeated"
    )
    parser.add_argument(
        "--gpus", metavar="NAMES", default="RTX 4090,H100 SXM", help='default: "RTX 4090,H100 SXM"'
    )
    parser.add_argument(
        "--quantizations", metavar="NAMES", default="fp16,q4", help="of fp16, fp8, q4, own; default: fp16,q4"
    )
    parser.add_argument(
        "--max-model-len",
        type=whole,
        default=WORKING_TOKENS,
        metavar="TOKENS",
        help="context asked for; default 8192",
    )
    parser.add_argument(
        "--format", choices=("text", "json", "markdown"), default="text", help="default: text"
    )


def run(args: argparse.Namespace) -> int:
    """Print the table; 3 where every cell is unknown."""
    cells = matrix_cells(
        _models(args),
        _list(args.gpus, "--gpus"),
        _list(args.quantizations, "--quantizations"),
        args.max_model_len,
    )
    if args.format == "json":
        print(answer.document(matrix_answer.SCHEMA, matrix_answer.values(cells, args.max_model_len)), end="")
    else:
        write = answer.markdown if args.format == "markdown" else answer.text
        print(write([matrix_answer.section(cells, args.max_model_len)]), end="")
    return 3 if all(each.verdict == "unknown" for each in cells) else 0


def matrix_cells(models: list[str], gpus: list[str], quantizations: list[str], tokens: int) -> list[Cell]:
    """Every combination. Faults of a card, a precision or a path are raised; an unknown model is a cell."""
    places = [card.as_gpu(count) for card, count in map(parse_gpu, gpus)]
    grounds = {gpu.name: grounds_on(gpu) for gpu in places}
    precisions = list(dict.fromkeys(map(precision, quantizations)))
    found = []
    for text in models:
        try:
            name, model = named_model(text)
        except NotUnderstoodError as fault:
            blank = [(gpu, each) for gpu in places for each in precisions]
            found += [_unknown(text, each, gpu, tokens, str(fault)) for gpu, each in blank]
            continue
        for each in precisions:
            try:
                shaped = requantized(model, each)
            except (NotUnderstoodError, BadInputError) as fault:  # no such checkpoint: a cell, not the end
                found += [_unknown(name, each, gpu, tokens, str(fault)) for gpu in places]
                continue
            for gpu in places:
                on = grounds[gpu.name]
                found.append(
                    cell(
                        shaped, gpu, on.release, name=name, quantization=each, tokens=tokens, starts=on.starts
                    )
                )
    return found


def _unknown(model: str, quantization: str, gpu: GpuGroup, tokens: int, why: str) -> Cell:
    title = gpu.name if gpu.count == 1 else f"{gpu.count}x {gpu.name}"
    return Cell(model, quantization, title, "unknown", tokens, None, message=why)


def _models(args: argparse.Namespace) -> list[str]:
    named = [*args.model, *(models_in(Path(args.models)) if args.models else [])]
    return list(dict.fromkeys(named)) or list(PACKAGED)


def _list(text: str, flag: str) -> list[str]:
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found:
        raise BadInputError(f"{flag} names nothing: separate names by commas")
    return found
