"""`costmeter finetune`: the memory, hours and dollars of fine-tuning a model."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

from vllm_costmeter.cli.economics import price_terms
from vllm_costmeter.cli.economics.answer_flags import add_format_flag
from vllm_costmeter.cli.economics.price_flags import PriceFlags, money
from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.finetuning.judge import judged
from vllm_costmeter.core.finetuning.memory import finetuning_bytes
from vllm_costmeter.core.finetuning.rate import estimated_rate, stated_rate
from vllm_costmeter.core.finetuning.run import OPTIMIZERS, Method, Run
from vllm_costmeter.core.finetuning.settings import FRAMEWORKS, METHODS, Settings, reject_contradictions
from vllm_costmeter.core.finetuning.shape import shape_of
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.outputs.economics import answer, finetune_answer
from vllm_costmeter.sources.catalogue.load import default_price, load_catalogue, parse_gpu
from vllm_costmeter.sources.models.packaged import named_model
from vllm_costmeter.sources.serve_args.flag_values import whole

EXAMPLES = """\
examples:
  4090 or H100: which can fine-tune an 8B model?
    costmeter finetune "Llama 3.1 8B" --method lora --gpu "RTX 4090" --gpu "H100 SXM"
  what 50 million tokens cost, on every priced GPU
    costmeter finetune "Llama 3.1 8B" --method qlora --tokens 50000000
  full fine-tuning over eight GPUs
    costmeter finetune "Llama 3.1 8B" --method full --zero 3 --gpus 8 --gpu "H100 SXM"
  at a measured rate of all GPUs
    costmeter finetune "Llama 3.1 8B" --method lora --gpu "RTX 4090" --tokens 50000000 --tokens-per-second 3000

Batch size and sequence length: of one GPU in one forward pass. What is counted, and how far off: docs/finetuning.md.

exit codes: 0 it fits a GPU (tight included), 1 none, 2 bad input, 3 the model is not understood
"""


@dataclass(frozen=True, slots=True)
class FinetuneFlags:
    """The command line."""

    model: str
    method: Method
    rank: int | None
    batch_size: int
    sequence_length: int
    gradient_checkpointing: bool
    optimizer: str
    framework: str
    zero: int
    tensor_parallel_size: int
    gpus: int
    gpu: Sequence[str]
    tokens: int | None
    tokens_per_second: Fraction | None
    gpu_hourly_usd: Fraction | None
    format: answer.Format


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "finetune",
        usage="costmeter finetune MODEL --method qlora|lora|full [--gpu NAME...] [--tokens N] [options]",
        description="Peak memory of fine-tuning by part, the GPUs that it fits, and its hours and dollars.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help='a folder, a config.json, a Hub id, or a name such as "Llama 3.1 8B"')
    add("--method", choices=METHODS, required=True, help="what is trained; qlora keeps weights in NF4")
    add("--rank", type=whole, metavar="N", help="of the adapters on all linear layers; default 16")
    add("--batch-size", type=whole, default=1, metavar="N", help="sequences per GPU and pass; default 1")
    add("--sequence-length", type=whole, default=2048, metavar="N", help="tokens per sequence; default 2048")
    add(
        "--gradient-checkpointing",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="default: on",
    )
    add("--optimizer", choices=tuple(OPTIMIZERS), default="adamw", help="default: adamw")
    add("--framework", choices=tuple(FRAMEWORKS), default="transformers", help="default: transformers")
    add("--zero", type=int, choices=(0, 1, 2, 3), default=0, help="ZeRO stage; default 0: copies")
    add("--tensor-parallel-size", type=whole, default=1, metavar="N", help="of these GPUs; default 1")
    add("--gpus", type=whole, default=1, metavar="N", help="GPUs that train together; default 1")
    add(
        "--gpu", action="append", default=[], metavar="NAME", help="may be repeated; default: all priced ones"
    )
    add("--tokens", type=whole, metavar="N", help="tokens to train on, all epochs together")
    add("--tokens-per-second", type=money, metavar="R", help="measured, of all GPUs; default: estimated")
    add("--gpu-hourly-usd", type=money, metavar="USD", help="per GPU; default: the catalogue's dated quote")
    add_format_flag(parser)


def run(args: argparse.Namespace, today: date | None = None) -> int:
    """Print the answer; exit code 1 if the run fits none of the GPUs."""
    flags = typed(FinetuneFlags, args)
    name, asked, rows = judged_rows(args, today or datetime.now(UTC).date())
    parts = finetuning_bytes(asked)
    values = finetune_answer.values(name, asked, parts, rows, flags.tokens)
    sections = finetune_answer.sections(name, asked, parts, rows, flags.tokens)
    print(answer.rendered(flags.format, finetune_answer.SCHEMA, values, sections), end="")
    verdicts = {row.verdict for row in rows}
    if verdicts & {"fits", "tight"}:
        return 0
    return 1 if "refused" in verdicts else 3


def judged_rows(args: argparse.Namespace, today: date) -> tuple[str, Run, list[finetune_answer.Row]]:
    """The model's name, the run, and its verdict and cost on each GPU."""
    flags = typed(FinetuneFlags, args)
    _reject_contradictions(flags)
    name, model = named_model(flags.model)
    settings = typed(Settings, args)
    reject_contradictions(settings, flags.gpus, model.max_model_len)
    asked = settings.run(shape_of(model), flags.gpus)
    gpus = list(dict.fromkeys(map(_named, flags.gpu))) or load_catalogue().priced_gpus
    found = [_row(asked, gpu, flags, today, is_named=bool(flags.gpu)) for gpu in gpus]
    return name, asked, [row for row in found if row is not None]


def _named(text: str) -> GpuSpec:
    gpu, count = parse_gpu(text)
    if count > 1:
        raise BadInputError(f"--gpu {text}: give the number of GPUs with --gpus {count}")
    return gpu


def _reject_contradictions(flags: FinetuneFlags) -> None:
    for flag, value in (
        ("--gpu-hourly-usd", flags.gpu_hourly_usd),
        ("--tokens-per-second", flags.tokens_per_second),
    ):
        if value is not None and flags.tokens is None:
            raise BadInputError(f"{flag} needs --tokens: the number to train on")
        if value is not None and len(flags.gpu) != 1:
            raise BadInputError(f"{flag} is of one GPU model: name it, alone, with --gpu")


def _row(
    asked: Run, gpu: GpuSpec, flags: FinetuneFlags, today: date, *, is_named: bool
) -> finetune_answer.Row | None:
    """None for a GPU that was not named and whose memory is unknown."""
    if gpu.memory_bytes is None or (gpu.is_slice and asked.gpus > 1):
        if not is_named:
            return None
        if gpu.is_slice:
            raise BadInputError(f"{gpu.name}: MIG slices do not train together: give --gpus 1")
        raise BadInputError(f"{gpu.name}: the memory that CUDA reports is not in the catalogue")
    found = judged(asked, gpu, flags.tokens_per_second)
    row = finetune_answer.Row(found)
    if flags.tokens is None or found.verdict not in ("fits", "tight"):
        return row
    rate = estimated_rate(asked, gpu)
    if flags.tokens_per_second is not None:
        rate = stated_rate(flags.tokens_per_second)
    stated = price_terms.stated_price(PriceFlags(gpu_hourly_usd=flags.gpu_hourly_usd), gpu, asked.gpus, today)
    if stated is None and default_price(gpu, asked.gpus) is not None:
        stated = price_terms.catalogue_price(gpu, asked.gpus, today)
    if stated is None:
        return replace(row, rate=rate)
    return replace(row, rate=rate, usd_per_hour=stated.cost.usd_per_hour(), price=stated.in_words)
