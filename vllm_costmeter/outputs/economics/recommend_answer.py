"""Recommended deployments, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.pricing.currency import Currency
from vllm_costmeter.core.pricing.hourly import usd_per_million_tokens
from vllm_costmeter.core.pricing.money import exact
from vllm_costmeter.core.serving.deployment import Deployment
from vllm_costmeter.core.serving.goals import Goal
from vllm_costmeter.core.serving.ranges import tpot_range, ttft_range
from vllm_costmeter.outputs.economics.answer import Section, amount, percent
from vllm_costmeter.outputs.economics.recommend_notes import notes_of
from vllm_costmeter.outputs.economics.recommend_rows import Answered, PricedRow
from vllm_costmeter.outputs.economics.recommend_words import (
    candidate_words,
    copies,
    load_words,
    miss_words,
    rate,
)

SCHEMA = "costmeter.recommend/1"
NEAREST = 3
"""Misses that are shown if nothing serves the load."""
NOTES = (
    "Estimated, not measured: each range contains 80 % of the held-out runs (docs/serving.md); goals are met by the "
    "estimate, not by the end of its range.",
    "At random arrivals (Poisson); every row is proven by the fit check, and leaves 15 % of its highest rate.",
)


def sections(answered: Answered, name: str, model: str, currency: Currency) -> list[Section]:
    """The table and, below it, the commands; or what comes nearest."""
    title = f"{name}: {load_words(answered.wanted)}"
    if not answered.rows:
        return [Section(f"Nothing on offer serves it. {title}", ("nearest", "why"), _nearest(answered))]
    ttft, tpot = _shares(answered)
    titles = (
        "",
        "GPUs",
        "copies",
        "precision",
        "requests/s",
        f"{currency.code}/month",
        "per Mtok",
        f"TTFT {ttft}, s",
        f"TPOT {tpot}, ms",
        "use",
        "limit",
    )
    rows = [_cells(number, row, answered, currency) for number, row in enumerate(answered.rows, 1)]
    commands = [
        (str(number), _servers(row.deployment), row.deployment.command(model), row.price_words)
        for number, row in enumerate(answered.rows, 1)
    ]
    return [
        Section(title, titles, rows, (*NOTES, *notes_of(answered))),
        Section("Commands", ("", "servers", "each", "price"), commands),
    ]


def _shares(answered: Answered) -> tuple[str, str]:
    level = answered.wanted.level
    return Goal(1, level.ttft_share).words, Goal(1, level.tpot_share).words


def _cells(number: int, row: PricedRow, answered: Answered, currency: Currency) -> tuple[str, ...]:
    found = row.deployment.row
    ttft, tpot = _latencies(row, answered)
    return (
        str(number),
        counted(found.candidate.gpu.name, found.gpus)
        + (" (owned)" if found.candidate.offer.is_owned else ""),
        copies(row.deployment),
        found.candidate.quantization,
        rate(found.per_second),
        amount(row.usd_per_month, currency, 0),
        amount(_per_million(row, answered), currency, 3),
        f"{ttft[1]:.2f} ({ttft[0]:.2f} to {ttft[2]:.2f})",
        f"{tpot[1] * 1e3:.0f} ({tpot[0] * 1e3:.0f} to {tpot[2] * 1e3:.0f})",
        percent(found.latency.utilisation),
        found.limit,
    )


def _servers(deployment: Deployment) -> str:
    return f"{deployment.servers} with {deployment.gpus_per_server}"


def _per_million(row: PricedRow, answered: Answered) -> Fraction:
    tokens = row.deployment.row.per_second * answered.wanted.requests.output_tokens
    return usd_per_million_tokens(row.usd_per_month / answered.hours, exact(max(tokens, 1e-9)))


def _latencies(
    row: PricedRow, answered: Answered
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """(low, estimate, high) of TTFT and of TPOT, in seconds, at the shares asked for."""
    found, level = row.deployment.row, answered.wanted.level
    engine = found.candidate.placed.engine
    ttft = found.latency.ttft_seconds(level.ttft_share)
    tpot = found.latency.tpot_seconds(level.tpot_share)
    first, each = ttft_range(engine).around(ttft), tpot_range(engine).around(tpot)
    return (first[0], ttft, first[1]), (each[0], tpot, each[1])


def _nearest(answered: Answered) -> Sequence[tuple[str, str]]:
    if not answered.misses:
        return [("", answered.why or "no GPU is on offer")]
    return [(candidate_words(miss), miss_words(miss, answered.wanted)) for miss in answered.misses[:NEAREST]]


def values(answered: Answered, name: str, model: str) -> dict[str, Any]:
    """Seconds, dollars and flags; `rows` is empty if nothing serves the load."""
    wanted, requests = answered.wanted, answered.wanted.requests
    level = wanted.level
    return {
        "model": name,
        "load": {
            "requests_per_second": wanted.per_second,
            "budget_usd_per_month": wanted.budget_usd_per_month,
            "prompt_tokens": requests.prompt_tokens,
            "output_tokens": requests.output_tokens,
            "cached_share": requests.cached_share,
            "hours_per_month": answered.hours,
        },
        "goals": {
            key: None if goal is None else {"seconds": goal.seconds, "share": goal.share}
            for key, goal in (("ttft", level.ttft), ("tpot", level.tpot))
        },
        "rows": [_row_values(row, answered, model) for row in answered.rows],
        "nearest": []
        if answered.rows
        else [
            {
                "deployment": candidate_words(miss),
                "reason": miss.reason,
                "nearest": round(miss.nearest, 6),
                "message": miss_words(miss, wanted),
            }
            for miss in answered.misses[:NEAREST]
        ],
        "message": "" if answered.rows else answered.why,
        "is_estimate": True,
    }


def _row_values(row: PricedRow, answered: Answered, model: str) -> dict[str, Any]:
    deployment, found = row.deployment, row.deployment.row
    layout = deployment.engine_args.layout
    ttft, tpot = _latencies(row, answered)
    return {
        "gpu": found.candidate.gpu.name,
        "gpus": found.gpus,
        "owned": found.candidate.offer.is_owned,
        "servers": deployment.servers,
        "gpus_per_server": deployment.gpus_per_server,
        "tensor_parallel_size": layout.tensor_parallel_size,
        "pipeline_parallel_size": layout.pipeline_parallel_size,
        "data_parallel_size": layout.data_parallel_size,
        "expert_parallel": layout.enable_expert_parallel,
        "quantization": found.candidate.quantization,
        "max_num_seqs": found.max_num_seqs,
        "max_model_len": deployment.engine_args.max_model_len,
        "command": deployment.command(model),
        "verdict": deployment.fit.verdict,
        "requests_per_second": round(found.per_second, 6),
        "usd_per_month": row.usd_per_month,
        "usd_per_million_tokens": _per_million(row, answered),
        "ttft_seconds": round(ttft[1], 6),
        "ttft_seconds_range": [round(ttft[0], 6), round(ttft[2], 6)],
        "tpot_seconds": round(tpot[1], 6),
        "tpot_seconds_range": [round(tpot[0], 6), round(tpot[2], 6)],
        "running": round(found.latency.running * found.engines, 3),
        "utilisation": round(found.latency.utilisation, 4),
        "limited_by": found.limit,
        "calibrated_by": found.candidate.placed.calibrated_by,
        "price": dict(row.price),
    }
