"""An estimate with its range and its hardware limit, as tables and JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.economics.estimated_layout import EstimatedLayout
from vllm_costmeter.core.economics.throughput import Estimate
from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.fit.result import Verdict
from vllm_costmeter.core.pricing.currency import Currency
from vllm_costmeter.core.pricing.hourly import HourlyCost, usd_per_million_tokens
from vllm_costmeter.core.pricing.money import exact
from vllm_costmeter.core.serving.links import Link
from vllm_costmeter.outputs.economics.answer import NO_ELECTRICITY, Section, amount

SCHEMA = "costmeter.estimate/1"
NOT_TO_TRUST = (
    "Estimated, not measured: 80 % of the held-out runs lie within the range (docs/serving.md). Measure before you "
    "buy."
)
NOTABLY = 1.03
"""A layout is called faster if its rate is so many times as high."""


def section(
    found: Estimate, cost: HourlyCost, title: str, currency: Currency, notes: Sequence[str] = ()
) -> Section:
    """Rates and prices: low end, estimate, high end and hardware limit."""
    low, high = found.generated_range
    rates = (low, found.generated_tokens_per_second, high, found.floor_tokens_per_second)
    rows = [
        ("generated tokens/s", *(f"{rate:,.0f}" for rate in rates)),
        (
            f"{currency.code} per million generated",
            *(amount(_unit(cost, rate), currency, 3) for rate in rates),
        ),
    ]
    rows += [
        ("prefill only, prompt tokens/s", "", f"{found.prefill_tokens_per_second:,.0f}", "", ""),
        ("decode only, tokens/s", "", f"{found.decode_tokens_per_second:,.0f}", "", ""),
        ("time per output token, ms", "", f"{found.served.tpot_seconds * 1e3:.1f}", "", ""),
    ]
    load = found.load
    said = (
        f"{requests(found.concurrency)}, {load.prompt_tokens:,} prompt and {load.output_tokens:,} output tokens each; "
        f"most of the time goes into {found.limit}.",
        *notes,
        *([NO_ELECTRICITY] if cost.lacks_electricity else []),
        NOT_TO_TRUST,
    )
    return Section(title, ("", "low", "estimate", "high", "hardware limit"), rows, said)


def requests(concurrency: int) -> str:
    """ "1 concurrent request", "64 concurrent requests"."""
    return f"{concurrency} concurrent request{'' if concurrency == 1 else 's'}"


def values(found: Estimate, verdict: Verdict, cost: HourlyCost) -> dict[str, Any]:
    """Rates of the whole deployment; prices per generated token at full utilisation."""
    low, high = found.generated_range
    return {
        "verdict": verdict,
        "concurrency": found.concurrency,
        "prompt_tokens": found.load.prompt_tokens,
        "output_tokens": found.load.output_tokens,
        "generated_tokens_per_second": _rounded(found.generated_tokens_per_second),
        "generated_tokens_per_second_range": [_rounded(low), _rounded(high)],
        "floor_generated_tokens_per_second": _rounded(found.floor_tokens_per_second),
        "prefill_tokens_per_second": _rounded(found.prefill_tokens_per_second),
        "decode_tokens_per_second": _rounded(found.decode_tokens_per_second),
        "decode_seconds_per_step": round(found.decode_seconds_per_step, 6),
        "decode_seconds_by_part": {
            "weights": round(found.parts.weights, 6),
            "kv_cache": round(found.parts.kv_cache, 6),
            "compute": round(found.parts.compute, 6),
            "exchange": round(found.parts.exchange, 6),
            "overhead": round(found.parts.launch, 6),
        },
        "seconds_per_output_token": round(found.served.tpot_seconds, 6),
        "limited_by": found.limit,
        "is_estimate": True,
        "usd_per_hour": cost.usd_per_hour(),
        "usd_per_million_tokens": _unit(cost, found.generated_tokens_per_second),
        "usd_per_million_tokens_range": [_unit(cost, high), _unit(cost, low)],
        "floor_usd_per_million_tokens": _unit(cost, found.floor_tokens_per_second),
    }


def layout_values(layout: ParallelConfig, link: Link, others: Sequence[EstimatedLayout]) -> dict[str, Any]:
    """The layout estimated, its link, and the best layout with each other number of copies."""
    return {
        "layout": _sizes(layout),
        "link": link.name,
        "other_layouts": [
            _sizes(each.placed.engine_args.layout)
            | {
                "verdict": each.placed.fit.verdict,
                "generated_tokens_per_second": _rounded(each.estimate.generated_tokens_per_second),
            }
            for each in others
        ],
    }


def _sizes(layout: ParallelConfig) -> dict[str, int]:
    return {
        "tensor_parallel_size": layout.tensor_parallel_size,
        "pipeline_parallel_size": layout.pipeline_parallel_size,
        "data_parallel_size": layout.data_parallel_size,
    }


def layout_words(layout: ParallelConfig) -> str:
    """ "4 copies of 2 GPUs (pipeline parallel)"."""
    each = layout.tensor_parallel_size * layout.pipeline_parallel_size
    kinds = [
        f"{kind} {size}"
        for kind, size in (
            ("tensor parallel", layout.tensor_parallel_size),
            ("pipeline parallel", layout.pipeline_parallel_size),
        )
        if size > 1
    ]
    how = f" ({', '.join(kinds)})" if kinds else ""
    gpus = f"{each} GPU{'' if each == 1 else 's'}{how}"
    copies = layout.data_parallel_size
    return f"{'One copy' if copies == 1 else f'{copies} copies'} of {gpus}"


def better(found: Estimate, layout: ParallelConfig, others: Sequence[EstimatedLayout]) -> list[str]:
    """A note that names the better of tensor parallelism and independent copies; none for a single GPU."""
    if not others:
        return []
    best = max(others, key=lambda each: each.estimate.generated_tokens_per_second)
    rate, other = found.generated_tokens_per_second, best.estimate.generated_tokens_per_second
    named = layout_words(best.placed.engine_args.layout)
    if other > NOTABLY * rate:
        size = best.placed.engine_args.layout.data_parallel_size
        return [f"Faster: {named}, {other:,.0f} tok/s (--data-parallel-size {size})."]
    return [f"{layout_words(layout)} is the fastest; next: {named}, {other:,.0f} tok/s."]


def _unit(cost: HourlyCost, rate: float) -> Fraction:
    return usd_per_million_tokens(cost.usd_per_hour(), exact(rate))


def _rounded(rate: float) -> float:
    return round(rate, 3)


def about(model: str, gpu: str, count: int, precision: str) -> dict[str, Any]:
    """The deployment that is estimated."""
    return {"model": model, "quantization": precision, "gpu": {"name": gpu, "count": count}}


def refusal(reason: str, message: str) -> dict[str, Any]:
    """Replaces `values` if the requests do not fit."""
    return {"verdict": "refused", "reason": reason, "message": message}
