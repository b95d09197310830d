"""GPU models, engines and vLLM releases compared: what a million tokens and a token's energy cost on each, over all
replicas."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.divided import joules, measured_tokens, priced, usd_per_million
from vllm_costmeter.outputs.dashboards.panel import Column, Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import (
    PER_HOUR,
    SAME_SERVER,
    SERVER,
    SHOWN_RANGE,
    increase,
    series,
    summed,
)
from vllm_costmeter.outputs.dashboards.shared import COST, GPU_SECONDS, NO_GPU, TOKENS


def _share(metric: str, label: str) -> str:
    """Of a server, the share of each value of the label, by samples over the time range: 1 where there is one value.

    A server's dollars, tokens and joules are divided by it: unlike GPUs in one server share its price, a server that
    changed its release in the time range is divided by time, and one that is gone by its end still counts.
    """
    seen = f"count_over_time({series(metric)}[{SHOWN_RANGE}])"
    return f"{summed(seen, (*SERVER, label))} / {SAME_SERVER} group_left () ({summed(seen, SERVER)} > 0)"


GPU_SHARE = _share("costmeter_gpu_memory_total_bytes", "name")
RELEASE_SHARE = (
    f"label_replace({_share('costmeter_build_info', 'vllm_version')}, "
    '"vllm_version", "vLLM", "vllm_version", "")'
)
"""Of the servers that `costmeter exporter` reads, the label is the engine's name, and empty where that is vLLM, whose
release it does not know."""


def _compared(title: str, description: str, label: str, share: str, when_empty: str) -> Panel:
    def by_label(growth: str) -> str:
        return f"sum by ({label}) (({share}) * {SAME_SERVER} group_left () {summed(growth, SERVER)})"

    bill, generated = by_label(increase(COST)), by_label(increase(TOKENS, kind="generated"))
    priced_seconds = by_label(priced(increase, GPU_SECONDS))
    priced_tokens = by_label(priced(increase, TOKENS, kind="generated"))
    return Panel(
        title,
        f"{description} Prices are of servers that have one, joules of servers whose driver reports energy (all of a "
        "GPU's for each server that shares it).",
        "table",
        "none",
        (
            Query(bill, "", moment=True),
            Query(f"{PER_HOUR} * {bill} / ({priced_seconds} > 0)", "", moment=True),
            Query(f"{PER_HOUR} * {generated} / ({by_label(increase(GPU_SECONDS))} > 0)", "", moment=True),
            Query(usd_per_million(bill, priced_tokens), "", moment=True),
            Query(
                f"{by_label(joules(increase))} / ({by_label(measured_tokens(increase))} > 0)", "", moment=True
            ),
        ),
        when_empty,
        width=24,
        height=6,
        columns=(
            Column("Bill", "currencyUSD"),
            Column("$ per GPU hour", "currencyUSD"),
            Column("Generated per GPU hour", "short"),
            Column("$/M, generated tokens", "currencyUSD"),
            Column("Joules per generated token", "joule"),
        ),
    )


COMPARISON = Row(
    "Compared over the time range",
    (
        _compared(
            "GPU models",
            "All servers that had a GPU of this model in the time range, whatever they serve and however busy they "
            "are: choose one model above to compare like with like.",
            "name",
            GPU_SHARE,
            NO_GPU,
        ),
        _compared(
            "Engines and vLLM releases",
            "All servers that ran this release of vLLM, or another engine, in the time range; one that changed its "
            "release at the same address is divided by time. vLLM without a number is read by `costmeter exporter`, "
            "which does not know the release.",
            "vllm_version",
            RELEASE_SHARE,
            "no metered server",
        ),
    ),
)
