"""An estimate with its range and its hardware limit, as tables and JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.economics.throughput import Estimate
from vllm_costmeter.core.fit.result import Verdict
from vllm_costmeter.core.pricing.currency import Currency
from vllm_costmeter.core.pricing.hourly import HourlyCost, usd_per_million_tokens
from vllm_costmeter.core.pricing.money import exact
from vllm_costmeter.outputs.economics.answer import NO_ELECTRICITY, Section, amount

SCHEMA = "costmeter.estimate/1"
NOT_TO_TRUST = (
    "Estimated, not measured: 80 % of the H100 and A100 test runs lie within the range; other GPUs are untested. Not "
    "modelled: prompts much longer than answers, expert parallelism, speculative decoding. Measure before you buy."
)


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
        ("time per output token, ms", "", f"{found.decode_seconds_per_step * 1e3:.1f}", "", ""),
    ]
    load = found.load
    said = (
        f"{requests(found.concurrency)}, {load.prompt_tokens:,} prompt and {load.output_tokens:,} output tokens each; "
        f"most of a decode step goes into {found.limit}.",
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
            "weights": round(found.weights_seconds, 6),
            "kv_cache": round(found.kv_seconds, 6),
            "compute": round(found.compute_seconds, 6),
            "overhead": round(found.overhead_seconds, 6),
        },
        "limited_by": found.limit,
        "is_estimate": True,
        "usd_per_hour": cost.usd_per_hour(),
        "usd_per_million_tokens": _unit(cost, found.generated_tokens_per_second),
        "usd_per_million_tokens_range": [_unit(cost, high), _unit(cost, low)],
        "floor_usd_per_million_tokens": _unit(cost, found.floor_tokens_per_second),
    }


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
