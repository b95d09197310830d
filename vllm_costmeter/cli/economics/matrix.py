"""`costmeter matrix`: which models fit on which GPUs, in which precision."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vllm_costmeter.assembly import grounds_on
from vllm_costmeter.cli.economics.answer_flags import add_format_flag
from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.matrix import WORKING_TOKENS, Cell, cell, exit_code
from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.model.precision import precision, requantized
from vllm_costmeter.outputs.economics import answer, matrix_answer
from vllm_costmeter.sources.catalogue.load import parse_gpu
from vllm_costmeter.sources.models.packaged import PACKAGED, models_in, named_model
from vllm_costmeter.sources.serve_args.flag_values import whole

EXAMPLES = """\
examples:
  4090 or H100: which models fit?
    costmeter matrix --gpus "RTX 4090,H100 SXM"
  any models on any GPUs
    costmeter matrix --models models.txt --gpus "RTX 4090,H100 SXM,8x RTX 4090" --quantizations fp16,fp8,q4
    costmeter matrix --model ./Qwen3-30B-A3B --model "Llama 3.3 70B" --gpus "L40S:2" --format markdown

models.txt has one model per line: a folder, a config.json, a Hub id, or one of: Llama 3.1 8B, Llama 2 13B, Qwen3 32B,
Llama 3.3 70B, Llama 3.1 405B (included with the package). Q4 is AWQ in groups of 128.

exit codes: those of `costmeter check` for the best cell: 0 one fits (tight included), 1 none does, 2 bad input, 3 none
does and one is not understood
"""


@dataclass(frozen=True, slots=True)
class MatrixFlags:
    """The command line, with its lists split."""

    models: Sequence[str]
    gpus: Sequence[str]
    quantizations: Sequence[str]
    max_model_len: int | None
    format: answer.Format


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "matrix",
        usage='costmeter matrix [--models FILE | --model MODEL...] --gpus "RTX 4090,H100 SXM" [options]',
        description="Which models fit on which GPUs at a context length, and the longest context that fits.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--models", metavar="FILE", help="models, one per line; default: five included with the package"
    )
    parser.add_argument(
        "--model", metavar="MODEL", action="append", default=[], help="one model; may be repeated"
    )
    parser.add_argument(
        "--gpus", metavar="NAMES", default="RTX 4090,H100 SXM", help='default: "RTX 4090,H100 SXM"'
    )
    parser.add_argument(
        "--quantizations",
        metavar="NAMES",
        default="fp16,q4",
        help="some of fp16, fp8, q4, own (as published); default: fp16,q4",
    )
    parser.add_argument(
        "--max-model-len",
        type=whole,
        metavar="TOKENS",
        help=f"context asked for; default {WORKING_TOKENS}, or the model's own maximum if less",
    )
    add_format_flag(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    flags = typed(
        MatrixFlags,
        args,
        models=_models(args.model, args.models),
        gpus=_list(args.gpus, "--gpus"),
        quantizations=_list(args.quantizations, "--quantizations"),
    )
    gpus = list(map(parse_gpu, flags.gpus))
    cells = matrix_cells(flags.models, gpus, flags.quantizations, flags.max_model_len)
    values = matrix_answer.values(cells, flags.max_model_len)
    sections = [matrix_answer.section(cells, flags.max_model_len)]
    print(answer.rendered(flags.format, matrix_answer.SCHEMA, values, sections), end="")
    return exit_code(cells)


def matrix_cells(
    models: Sequence[str],
    gpus: Sequence[tuple[GpuSpec, int]],
    quantizations: Sequence[str],
    tokens: int | None,
) -> list[Cell]:
    """Every combination. Raises errors in a GPU, precision or path; a model not understood is a cell."""
    places = [gpu.as_gpu(count) for gpu, count in gpus]
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


def _unknown(model: str, quantization: str, gpu: GpuGroup, tokens: int | None, why: str) -> Cell:
    where = counted(gpu.name, gpu.count)
    return Cell(model, quantization, where, "unknown", tokens or WORKING_TOKENS, None, message=why)


def _models(named: list[str], file: str | None) -> list[str]:
    found = [*named, *(models_in(Path(file)) if file is not None else [])]
    return list(dict.fromkeys(found)) or list(PACKAGED)


def _list(text: str, flag: str) -> list[str]:
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found:
        raise BadInputError(f"{flag} names nothing: give names separated by commas, got {text!r:.40}")
    return found
