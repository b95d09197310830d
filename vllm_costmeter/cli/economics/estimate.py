"""`costmeter estimate`: throughput and price of a model on a GPU, without a server."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from typing import Any

from vllm_costmeter.assembly import assembled, grounds_on
from vllm_costmeter.cli.economics import price_terms
from vllm_costmeter.cli.economics.answer_flags import AnswerFlags, add_answer_flags, answer_flags
from vllm_costmeter.cli.economics.price_flags import PriceFlags, add_price_flags
from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.economics.throughput import Load, estimate, rates_of, second_hand_rates
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.matrix import cell
from vllm_costmeter.core.fit.result import EXIT_CODES, Fit
from vllm_costmeter.core.fit.sizing import with_most_seqs
from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.precision import precision, requantized
from vllm_costmeter.outputs.economics import answer, estimate_answer
from vllm_costmeter.sources.catalogue.load import parse_gpu
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
    price: PriceFlags
    answer: AnswerFlags


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "estimate",
        usage="costmeter estimate MODEL --gpu NAME [--concurrency N] [--prompt-tokens N] [--output-tokens N] [options]",
        description="Estimate throughput and price from a fitted roofline, prefill and decode separately.",
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
    engine_args, fits = _placed(model, gpu, count, flags.load)
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
    load = flags.load
    held = fits.kv_cache.tokens // (load.prompt_tokens + load.output_tokens) if fits.kv_cache else None
    rates = rates_of(gpu, model)
    found = estimate(model, engine_args, fits.engine.release, rates, load, gpus=count, most_running=held)
    priced = price_terms.priced_gpus(flags.price, gpu, count, today)
    doubtful = second_hand_rates(gpu, model)
    values = about | estimate_answer.values(found, fits.verdict, priced.cost)
    values |= {"second_hand": list(doubtful), "price": price_terms.price_values(priced)}
    notes = [f"The {rate} of the {gpu.name} is second-hand: see `costmeter gpus`." for rate in doubtful]
    if fits.verdict == "tight":
        notes.append(f"Tight: {fits.message}")
    if found.concurrency < load.concurrency:
        notes.append(f"The KV cache has room for {found.concurrency} of {load.concurrency} requests at once.")
    if engine_args.max_num_seqs is not None:
        notes.append(f"Needs --max-num-seqs {engine_args.max_num_seqs}: vLLM's default is too high.")
    if engine_args.layout.pipeline_parallel_size > 1:
        notes.append(
            "Fits only with pipeline stages, estimated as tensor parallelism: expect lower throughput."
        )
    heading = f"{name} {flags.quantization} on {counted(gpu.name, count)}, {priced.in_words}"
    section = estimate_answer.section(found, priced.cost, heading, flags.answer.currency, notes)
    print(
        answer.rendered(
            flags.answer.format, estimate_answer.SCHEMA, values, [section], flags.answer.currency
        ),
        end="",
    )
    return 0


def _placed(model: Model, spec: GpuSpec, count: int, load: Load) -> tuple[EngineArgs, Fit]:
    """Flags with the layout that `costmeter matrix` would choose, and whether the requests fit."""
    if (why := model.fault(EngineArgs())) is not None:
        raise NotUnderstoodError(why)
    tokens = load.prompt_tokens + load.output_tokens
    if tokens > model.max_model_len:
        raise BadInputError(
            f"{tokens:,} tokens per request exceed the model's own maximum of {model.max_model_len:,}"
        )
    gpu = spec.as_gpu(count)
    on = grounds_on(gpu)
    best = cell(model, gpu, on.release, name=model.id, quantization="", tokens=tokens, starts=on.starts)
    layout = ParallelConfig(best.tensor_parallel_size, best.pipeline_parallel_size)
    engine_args = EngineArgs(layout=layout, max_model_len=tokens)
    found = assembled(model, gpu, engine_args).fit()
    seqs = with_most_seqs(found, on.starts).max_num_seqs_that_fits if found.reason == "max_num_seqs" else None
    if not seqs:
        return engine_args, found
    fewer = replace(engine_args, max_num_seqs=seqs)
    return fewer, assembled(model, gpu, fewer).fit()
