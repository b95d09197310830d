"""`costmeter estimate`: throughput and price of a model on a GPU, without a server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from vllm_costmeter.assembly import grounds_on
from vllm_costmeter.cli.economics import price_terms
from vllm_costmeter.cli.economics.answer_flags import AnswerFlags, add_answer_flags, answer_flags
from vllm_costmeter.cli.economics.price_flags import PriceFlags, add_price_flags
from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.economics.estimated_layout import EstimatedLayout, estimated_layout
from vllm_costmeter.core.economics.throughput import Load, second_hand_rates
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.result import EXIT_CODES
from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.precision import precision, requantized
from vllm_costmeter.core.serving.calibration import calibrated
from vllm_costmeter.core.serving.links import LINKS, link_named
from vllm_costmeter.core.serving.placement import every_layout
from vllm_costmeter.outputs.economics import answer, estimate_answer
from vllm_costmeter.sources.catalogue.load import parse_gpu
from vllm_costmeter.sources.files.throughput_calibrations import recall_throughput
from vllm_costmeter.sources.models.packaged import named_model
from vllm_costmeter.sources.serve_args.flag_values import whole

EXAMPLES = """\
examples:
  how fast would a 4090 and an H100 serve Llama 3.1 8B, and at what price?
    costmeter estimate "Llama 3.1 8B" --gpu "RTX 4090" --concurrency 64
    costmeter estimate "Llama 3.1 8B" --gpu "H100 SXM" --concurrency 128 --quantization fp8
  other lengths, several GPUs, one user
    costmeter estimate ./Qwen3-32B --gpu "2x H100 SXM" --prompt-tokens 4000 --output-tokens 500 --concurrency 32
    costmeter estimate "Llama 3.3 70B" --gpu "H100 SXM" --quantization q4 --concurrency 1
  eight GPUs without NVLink: together, or as four copies?
    costmeter estimate "Llama 3.3 70B" --gpu "8x RTX 4090" --quantization q4 --data-parallel-size 4

exit codes: 0 answered, 1 the requests do not fit, 2 bad input, 3 the model is not understood
"""


@dataclass(frozen=True, slots=True)
class EstimateFlags:
    """The command line."""

    model: str
    gpu: str
    quantization: str
    """A precision as named by `precision`."""
    load: Load
    data_parallel_size: int
    link: str | None
    price: PriceFlags
    answer: AnswerFlags


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "estimate",
        usage="costmeter estimate MODEL --gpu NAME [--concurrency N] [--prompt-tokens N] [--output-tokens N] [options]",
        description="Estimate throughput and price from the kernels of each step and the links between GPUs.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "model", metavar="MODEL", help='a folder, a config.json, a Hub id, or a name such as "Llama 3.1 8B"'
    )
    parser.add_argument("--gpu", metavar="NAME", help='one GPU, or several: "RTX 4090", "H100 SXM:8"')
    parser.add_argument(
        "--quantization",
        metavar="NAME",
        default="own",
        help="fp16, fp8, q4; default: as published",
    )
    parser.add_argument(
        "--concurrency", type=whole, default=64, metavar="N", help="concurrent requests; default 64"
    )
    parser.add_argument(
        "--prompt-tokens", type=whole, default=512, metavar="N", help="per request; default 512"
    )
    parser.add_argument(
        "--output-tokens", type=whole, default=256, metavar="N", help="per request; default 256"
    )
    parser.add_argument(
        "--data-parallel-size",
        "-dp",
        type=whole,
        default=1,
        metavar="N",
        help="independent copies of the model on these GPUs; default 1",
    )
    parser.add_argument(
        "--link",
        metavar="NAME",
        help=f"what joins the GPUs: {', '.join(LINKS)}; default: the catalogue's",
    )
    add_price_flags(parser)
    add_answer_flags(parser)


def run(args: argparse.Namespace, today: date | None = None) -> int:
    """Print the estimate; exit code 1 if the requests do not fit."""
    if args.gpu is None:
        raise BadInputError('no GPU: give --gpu, as in --gpu "RTX 4090" (`costmeter gpus` lists all)')
    flags = typed(
        EstimateFlags,
        args,
        quantization=precision(args.quantization),
        load=Load(args.concurrency, args.prompt_tokens, args.output_tokens),
        price=typed(PriceFlags, args),
        answer=answer_flags(args),
    )
    return _answered(flags, today or datetime.now(UTC).date())


def _answered(flags: EstimateFlags, today: date) -> int:
    gpu, count = parse_gpu(flags.gpu)
    name, published = named_model(flags.model)
    model = requantized(published, flags.quantization)
    best, others = _placed(model, gpu, count, flags)
    fits = best.placed.fit
    about = estimate_answer.about(name, gpu.name, count, flags.quantization)
    if fits.verdict == "unknown":
        raise NotUnderstoodError(fits.message)
    if fits.is_refused:
        if flags.answer.format in ("json", "csv"):
            refusal = about | estimate_answer.refusal(fits.reason or "", fits.message)
            print(answer.rendered(flags.answer.format, estimate_answer.SCHEMA, refusal, []), end="")
        else:
            print(f"does not fit: {fits.message}")
        return EXIT_CODES[fits.verdict]
    priced = price_terms.priced_gpus(flags.price, gpu, count, today)
    doubtful = second_hand_rates(gpu, model)
    layout = best.placed.engine_args.layout
    values = about | estimate_answer.values(best.estimate, fits.verdict, priced.cost)
    values |= estimate_answer.layout_values(layout, best.placed.engine.gpu.link, others)
    values |= {"calibrated_by": best.placed.calibrated_by}
    values |= {"second_hand": list(doubtful), "price": price_terms.price_values(priced)}
    heading = f"{name} {flags.quantization} on {counted(gpu.name, count)}, {priced.in_words}"
    notes = [*_notes(best, gpu, flags.load, doubtful), *estimate_answer.better(best.estimate, layout, others)]
    section = estimate_answer.section(best.estimate, priced.cost, heading, flags.answer.currency, notes)
    form = flags.answer.format
    print(
        answer.rendered(form, estimate_answer.SCHEMA, values, [section], flags.answer.currency),
        end="",
    )
    return 0


def _notes(best: EstimatedLayout, gpu: GpuSpec, load: Load, doubtful: Sequence[str]) -> list[str]:
    fits, args, engine = best.placed.fit, best.placed.engine_args, best.placed.engine
    notes = [f"The {rate} of the {gpu.name} is second-hand: see `costmeter gpus`." for rate in doubtful]
    if best.placed.calibrated_by:
        notes.append(f"{best.placed.calibrated_by.capitalize()}.")
    if not engine.gpu.is_timed:
        notes.append(f"No GPU of the {gpu.name}'s architecture was timed: the range is a guess.")
    if fits.verdict == "tight":
        notes.append(f"Tight: {fits.message}")
    running = best.estimate.concurrency
    if running < load.concurrency and running >= fits.engine.max_num_seqs * args.layout.data_parallel_size:
        notes.append(f"--max-num-seqs lets {running} of {load.concurrency} requests run at once.")
    elif running < load.concurrency:
        notes.append(f"The KV cache has room for {running} of {load.concurrency} requests at once.")
    if args.max_num_seqs is not None:
        notes.append(f"Needs --max-num-seqs {args.max_num_seqs}: vLLM's default is too high.")
    if args.layout.world_size > 1:
        exchanges = args.layout.tensor_parallel_size > 1 or args.layout.pipeline_parallel_size > 1
        link = f", which exchange over {engine.gpu.link.words}" if exchanges else ""
        if engine.gpu.hop_link != engine.gpu.link:
            link += f", and between machines over {engine.gpu.hop_link.words}"
        notes.append(f"{estimate_answer.layout_words(args.layout)}{link}.")
    return notes


def _placed(
    model: Model, spec: GpuSpec, count: int, flags: EstimateFlags
) -> tuple[EstimatedLayout, list[EstimatedLayout]]:
    """The fastest layout with the number of copies asked for, and the fastest with each other number."""
    if (why := model.fault(EngineArgs())) is not None:
        raise NotUnderstoodError(why)
    load, copies = flags.load, flags.data_parallel_size
    tokens = load.prompt_tokens + load.output_tokens
    if tokens > model.max_model_len:
        raise BadInputError(
            f"{tokens:,} tokens per request exceed the model's own maximum of {model.max_model_len:,}"
        )
    if copies < 1 or count % copies:
        raise BadInputError(
            f"--data-parallel-size {copies} must divide the {count} GPU{'s' if count > 1 else ''} of --gpu"
        )
    on = grounds_on(spec.as_gpu(count))
    link = None if flags.link is None else link_named(flags.link)
    asked = EngineArgs(max_model_len=tokens)
    best: dict[int, EstimatedLayout] = {}
    faults: list[str] = []
    known, _ = recall_throughput()
    for each in [copies, *(other for other in range(1, count + 1) if count % other == 0 and other != copies)]:
        placed, refusals = every_layout(
            model, spec, count, on.release, asked, data_parallel_size=each, starts=on.starts, link=link
        )
        found = [estimated_layout(calibrated(one, known, spec.name), model, spec, load) for one in placed]
        if found:
            best[each] = max(found, key=EstimatedLayout.preference)
        faults += refusals
    if copies not in best:
        raise BadInputError(faults[0])
    return best.pop(copies), [each for each in best.values() if not each.placed.fit.is_refused]
