"""`costmeter recommend`: the cheapest way to serve a load, proven to fit; or the most load for the money."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from vllm_costmeter.assembly import assembled, grounds_on
from vllm_costmeter.cli.economics.price_terms import price_values
from vllm_costmeter.cli.economics.recommend_flags import RecommendFlags, add_flags, recommend_flags
from vllm_costmeter.cli.economics.recommend_offers import Prices, offers_and_prices
from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError, nearest
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.precision import AS_PUBLISHED, FP8, Q4, SIXTEEN_BIT, precision, requantized
from vllm_costmeter.core.serving.candidates import Offer, Precision, Terms, Tried, candidates
from vllm_costmeter.core.serving.deployment import NAMED_PRECISIONS, Deployment, deployment_of
from vllm_costmeter.core.serving.links import link_named
from vllm_costmeter.core.serving.recommend import Found, Wanted, recommend
from vllm_costmeter.core.serving.served_model import reject_other_than_generating
from vllm_costmeter.outputs.economics import answer, recommend_answer
from vllm_costmeter.outputs.economics.deployment_files import FILES
from vllm_costmeter.outputs.economics.recommend_rows import Answered, PricedRow
from vllm_costmeter.outputs.files.new_files import write_new_files
from vllm_costmeter.sources.files.throughput_calibrations import recall_throughput
from vllm_costmeter.sources.models.packaged import PACKAGED, named_model

EXAMPLES = """\
examples:
  4090, H100 or another: what serves 20 requests a second at the least cost?
    costmeter recommend "Llama 3.3 70B" --rate 20/s --prompt-tokens 2000 --output-tokens 500 --ttft 1s@p95 --tpot 50ms
    costmeter recommend "Llama 3.1 8B" --rate 5/s --prompt-tokens 800 --output-tokens 200 --gpus "RTX 4090, H100 SXM"
  the most load for 2,000 dollars a month; a recorded load; GPUs you own beside rented ones
    costmeter recommend "Llama 3.1 8B" --budget 2000/month --prompt-tokens 800 --output-tokens 200
    costmeter recommend "Llama 3.1 8B" --trace requests.csv --cached-share 0.3
    costmeter recommend "Llama 3.1 8B" --rate 2/s --prompt-tokens 800 --output-tokens 200 --owned "2x RTX 4090"
  the first row as a file
    costmeter recommend "Llama 3.1 8B" --rate 2/s --prompt-tokens 800 --output-tokens 200 --write compose compose.yaml

exit codes: 0 answered, 1 nothing on offer serves the load (with what comes nearest), 2 bad input, 3 the model is not
understood
"""

_NAMES = {AS_PUBLISHED: "as-published", FP8: "fp8", Q4: "awq", SIXTEEN_BIT: "16-bit"}


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "recommend",
        usage="costmeter recommend MODEL --rate 20/s --prompt-tokens N --output-tokens N [--ttft 1s@p95] [--tpot 50ms] "
        "[options]",
        description="The cheapest GPUs and layouts that serve a load, each proven by the fit check.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_flags(parser)


def run(args: argparse.Namespace, today: date | None = None) -> int:
    """Print the table; exit code 1 if nothing serves the load."""
    flags = recommend_flags(args)
    name, answered = recommended(flags, args.max_model_len, today or datetime.now(UTC).date())
    spelt = PACKAGED.get(flags.model, flags.model)
    if flags.write is not None and answered.rows:
        answered = _written(answered, spelt, *flags.write)
    values = recommend_answer.values(answered, name, spelt)
    sections = recommend_answer.sections(answered, name, spelt, flags.answer.currency)
    form = flags.answer.format
    print(
        answer.rendered(form, recommend_answer.SCHEMA, values, sections, flags.answer.currency),
        end="",
    )
    return 0 if answered.rows else 1


def recommended(flags: RecommendFlags, max_model_len: int | None, today: date) -> tuple[str, Answered]:
    """The model's name, and what serves the load."""
    offers, prices = offers_and_prices(flags, today)
    name, model = named_model(flags.model)
    if (why := model.fault(EngineArgs())) is not None:
        raise NotUnderstoodError(why)
    reject_other_than_generating(model)
    if flags.longest_tokens > model.max_model_len:
        mean = flags.requests.prompt_tokens + flags.requests.output_tokens
        if mean > model.max_model_len or max_model_len is not None:
            raise BadInputError(
                f"{max(int(mean), max_model_len or 0):,} tokens per request exceed the model's own maximum of "
                f"{model.max_model_len:,}"
            )
    return name, _answered(flags, model, offers, prices)


def _written(answered: Answered, model: str, kind: str, path: Path) -> Answered:
    """The first row that vLLM starts as its file says: the name of an AWQ checkpoint is not known. BadInputError if
    every row needs one."""
    for number, row in enumerate(answered.rows, 1):
        if row.deployment.row.candidate.quantization in NAMED_PRECISIONS:
            continue
        write_new_files(path.parent, {path.name: FILES[kind](row.deployment, model)})
        why = "" if number == 1 else ": those before it need an AWQ checkpoint"
        return replace(answered, notes=(*answered.notes, f"{path} has row {number}{why}."))
    raise BadInputError(
        "--write: every row needs an AWQ checkpoint of the model: give it as MODEL, or --quantizations as-published,fp8"
    )


def _answered(flags: RecommendFlags, model: Model, offers: list[Offer], prices: Prices) -> Answered:
    grounds = {offer.gpu.name: grounds_on(offer.gpu.as_gpu()) for offer in offers}
    release = next(iter(grounds.values())).release
    starts = {name: each.starts for name, each in grounds.items()}
    length = min(flags.longest_tokens, model.max_model_len)
    args = EngineArgs(max_model_len=length, speculative_config=flags.speculative_config)
    link = None if flags.link is None else link_named(flags.link)
    calibrations, fault = recall_throughput()
    terms = Terms(release, args, length, link, calibrations)
    precisions = _precisions(_with_drafter(model, offers[0], args), flags.quantizations)
    tried = candidates(offers, precisions, terms, starts)
    unknown = next((each for each in tried.refused if each.verdict == "unknown"), None)
    if not tried.found and unknown is not None:
        raise NotUnderstoodError(unknown.message)
    wanted = Wanted(
        flags.requests,
        flags.per_second,
        flags.level,
        flags.max_gpus,
        None if flags.budget is None else float(flags.budget),
    )
    best = recommend(tried.found, wanted, prices.usd_per_month, flags.rows)
    rows = [_priced(deployment_of(each, starts[each.candidate.gpu.name]), prices) for each in best.rows]
    proven = tuple(row for row in rows if row.deployment.fit.verdict == "fits")
    why = _why(best, tried)
    notes = () if fault is None else (fault,)
    return Answered(wanted, flags.trace, flags.hours, proven, best.misses, why, notes)


def _why(best: Found, tried: Tried) -> str:
    """Why no engine starts at all, in the words of the fit check."""
    if best.rows or best.misses:
        return ""
    nearest = max(tried.refused, key=lambda each: each.max_model_len_that_fits or 0, default=None)
    if nearest is not None:
        return f"{nearest.gpu.count} x {nearest.gpu.name}: {nearest.message}"
    return tried.faults[0] if tried.faults else ""


def _with_drafter(model: Model, offer: Offer, args: EngineArgs) -> Model:
    if args.speculative_config is None:
        return model
    return assembled(model, offer.gpu.as_gpu(), args).model


def _precision(text: str) -> str:
    if text.casefold() == "as-published":
        return AS_PUBLISHED
    try:
        return precision(text)
    except BadInputError:
        known = tuple(_NAMES.values())
        raise BadInputError(
            f"--quantizations: unknown {text!r:.40}{nearest(text, known)}; known: {', '.join(known)}"
        ) from None


def _precisions(model: Model, text: str) -> list[Precision]:
    """Those that the model can have; a quantized checkpoint has its own alone. BadInputError if none is left."""
    named = [part.strip() for part in text.split(",") if part.strip()]
    wanted = [_precision(each) for each in named]
    if not wanted:
        raise BadInputError(f"--quantizations names nothing: got {text!r:.40}")
    found: list[Precision] = []
    faults: list[str] = []
    for each in dict.fromkeys(wanted):
        try:
            shaped = requantized(model, each)
        except (BadInputError, NotUnderstoodError) as fault:
            faults.append(str(fault))
            continue
        if each == FP8:  # vLLM quantizes a 16-bit checkpoint as it loads
            found.append(Precision(_NAMES[each], model, "fp8"))
        else:
            found.append(Precision(_NAMES[each], shaped, None))
    if not found:
        raise BadInputError(faults[0])
    return found


def _priced(deployment: Deployment, prices: Prices) -> PricedRow:
    row = deployment.row
    offer, per_server = row.candidate.offer, deployment.gpus_per_server
    use = prices.use(offer, row.gpus, per_server, row.latency.utilisation)
    priced = prices.priced(offer, row.gpus, per_server)
    return PricedRow(deployment, use.usd(), priced.in_words, price_values(priced))
