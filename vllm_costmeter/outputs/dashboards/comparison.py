"""GPU models, engines and vLLM releases compared: what a million tokens and a token's energy cost on each, over all
replicas."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.panel import Column, Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import grown, series, usd_per_million
from vllm_costmeter.outputs.dashboards.shared import COST, ENERGY, GPU_SECONDS, NO_GPU, TOKENS

GPUS = series("costmeter_gpu_memory_total_bytes")
GPU_SHARE = (
    f"count by (instance, name) ({GPUS}) / on (instance) group_left () (count by (instance) ({GPUS}) > 0)"
)
"""Of a server's GPUs, the share of each model: 1 where they are all alike. A server's dollars, tokens and joules are
divided by it, so that unlike GPUs in one server share its price."""
RELEASE = (
    f"label_replace(max by (instance, vllm_version) ({series('costmeter_build_info')}), "
    '"vllm_version", "vLLM", "vllm_version", "")'
)
"""1 for the vLLM release that a server runs. Of the servers that `costmeter exporter` reads, the label is the engine's
name, and empty where that is vLLM, whose release it does not know."""


def _compared(title: str, description: str, label: str, share: str, when_empty: str) -> Panel:
    def by_label(metric: str, **matchers: str) -> str:
        total = grown(metric, ("instance",), cluster="=~$cluster", **matchers)
        return f"sum by ({label}) (({share}) * on (instance) group_left () {total})"

    bill, generated = by_label(COST), by_label(TOKENS, kind="generated")
    gpu_seconds = f"({by_label(GPU_SECONDS)} > 0)"
    return Panel(
        title,
        description,
        "table",
        "none",
        (
            Query(bill, "", moment=True),
            Query(f"3600 * {bill} / {gpu_seconds}", "", moment=True),
            Query(f"3600 * {generated} / {gpu_seconds}", "", moment=True),
            Query(usd_per_million(bill, generated), "", moment=True),
            Query(f"{by_label(ENERGY)} / ({generated} > 0)", "", moment=True),
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
            "All servers with a GPU of this model, whatever they serve and however busy they are: choose one model "
            "above to compare like with like.",
            "name",
            GPU_SHARE,
            NO_GPU,
        ),
        _compared(
            "Engines and vLLM releases",
            "All servers that run this release of vLLM, or another engine, at the end of the time range. vLLM without "
            "a number is read by `costmeter exporter`, which does not know the release.",
            "vllm_version",
            RELEASE,
            "no metered server",
        ),
    ),
)
