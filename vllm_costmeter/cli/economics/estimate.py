"""`costmeter estimate`: what a model would serve on a card, before there is a server."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from typing import Any

from vllm_costmeter.assembly import assembled, grounds_on
from vllm_costmeter.cli.economics import price_flags, price_terms
from vllm_costmeter.core.economics.throughput import Load, estimate, rates_of, second_hand_rates
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.matrix import cell
from vllm_costmeter.core.fit.result import Fit
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
  other lengths, several cards, one user
    costmeter estimate ./Qwen3-32B --gpu "2x H100 SXM" --prompt-tokens 4000 --output-tokens 500 --concurrency 32
    costmeter estimate "Llama 3.3 70B" --gpu "H100 SXM" --quantization q4 --concurrency 1

exit codes: 0 answered, 1 it does not fit, 2 bad input, 3 the model is not understood
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "estimate",
        usage="costmeter estimate MODEL --gpu NAME [--concurrency N] [--prompt-tokens N] [--output-tokens N] [options]",
        description="Estimate throughput and price from a roofline with stated efficiency, prefill and decode apart.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL", help='a folder, a config.json, a Hub id, or "Llama 3.1 8B"')
    parser.add_argument("--gpu", metavar="NAME", help='a card, or several: "RTX 4090", "H100 SXM:8"')
    parser.add_argument(
        "--quantization",
        metavar="NAME",
        default="own",
        help="fp16, fp8, q4; default: as its config.json says",
    )
    parser.add_argument(
        "--concurrency", type=whole, default=64, metavar="N", help="requests at once; default 64"
    )
    parser.add_argument(
        "--prompt-tokens", type=whole, default=512, metavar="N", help="per request; default 512"
    )
    parser.add_argument(
        "--output-tokens", type=whole, default=256, metavar="N", help="per request; default 256"
    )
    price_flags.add_price_flags(parser)
    price_flags.add_answer_flags(parser)


def run(args: argparse.Namespace, today: date | None = None) -> int:
    """Print the estimate; 1 where the model does not fit."""
    shown = price_flags.chosen_currency(args)
    if args.gpu is None:
        raise BadInputError('no card: give --gpu, as in --gpu "RTX 4090" (`costmeter gpus` lists all)')
    card, count = parse_gpu(args.gpu)
    load = Load(args.concurrency, args.prompt_tokens, args.output_tokens)
    wanted = precision(args.quantization)
    name, published = named_model(args.model)
    model = requantized(published, wanted)
    engine_args, fits = _placed(model, card, count, load)
    about = estimate_answer.about(name, card.name, count, wanted)
    if fits.is_refused:
        if args.format == "json":
            refusal = about | estimate_answer.refusal(fits.reason or "", fits.message)
            print(answer.document(estimate_answer.SCHEMA, refusal), end="")
        else:
            print(f"does not fit: {fits.message}")
        return 1
    held = fits.kv_cache.tokens // (load.prompt_tokens + load.output_tokens) if fits.kv_cache else None
    rates = rates_of(card, model)
    found = estimate(model, engine_args, fits.engine.release, rates, load, cards=count, most_running=held)
    priced = price_terms.priced_cards(args, card, count, today or datetime.now(UTC).date())
    doubtful = second_hand_rates(card, model)
    title = card.name if count == 1 else f"{count}x {card.name}"
    if args.format == "json":
        values = estimate_answer.values(found, priced.cost) | {
            "second_hand": list(doubtful),
            "price": price_terms.price_values(priced),
        }
        print(answer.document(estimate_answer.SCHEMA, about | values, shown), end="")
    else:
        notes = [f"The {name} of a {card.name} is second-hand: see `costmeter gpus`." for name in doubtful]
        if found.concurrency < load.concurrency:
            notes.append(
                f"{load.concurrency} were asked for: the KV cache holds {found.concurrency} of that length."
            )
        if engine_args.layout.pipeline_parallel_size > 1:
            notes.append(
                "It fits only with pipeline stages, which are estimated like tensor parallelism: expect less."
            )
        heading = f"{name} {wanted} on {title}, {priced.in_words}"
        section = estimate_answer.section(found, priced.cost, heading, shown, notes)
        print((answer.markdown if args.format == "markdown" else answer.text)([section]), end="")
    return 0


def _placed(model: Model, card: GpuSpec, count: int, load: Load) -> tuple[EngineArgs, Fit]:
    """The layout that `costmeter matrix` would choose, and whether the requests fit."""
    if (why := model.fault(EngineArgs())) is not None:
        raise NotUnderstoodError(why)
    tokens = load.prompt_tokens + load.output_tokens
    if tokens > model.max_model_len:
        raise BadInputError(
            f"{tokens} tokens per request exceed the {model.max_model_len} that {model.id} knows"
        )
    gpu = card.as_gpu(count)
    on = grounds_on(gpu)
    best = cell(model, gpu, on.release, name=model.id, quantization="", tokens=tokens, starts=on.starts)
    layout = ParallelConfig(best.tensor_parallel_size, best.pipeline_parallel_size)
    engine_args = EngineArgs(layout=layout, max_model_len=tokens)
    return engine_args, assembled(model, gpu, engine_args).fit()
