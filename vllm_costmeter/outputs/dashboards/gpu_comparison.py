"""GPU models compared: what a million tokens and a token's energy cost on each, over all replicas."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.panel import Column, Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import grown, series, usd_per_million
from vllm_costmeter.outputs.dashboards.shared import COST, ENERGY, GPU_SECONDS, NO_GPU, TOKENS

GPUS = series("costmeter_gpu_memory_total_bytes")
SHARE = f"count by (instance, name) ({GPUS}) / on (instance) group_left () (count by (instance) ({GPUS}) > 0)"
"""Of a server's GPUs, the share of each model: 1 where they are all alike. A server's dollars, tokens and joules are
divided by it, so that unlike GPUs in one server share its price."""


def by_gpu_model(metric: str, **matchers: str) -> str:
    """What a counter grew by over the time range, by GPU model."""
    return (
        f"sum by (name) (({SHARE}) * on (instance) group_left () {grown(metric, ('instance',), **matchers)})"
    )


GENERATED = by_gpu_model(TOKENS, kind="generated", cluster="=~$cluster")
BILL = by_gpu_model(COST, cluster="=~$cluster")
HOURS = f"({by_gpu_model(GPU_SECONDS, cluster='=~$cluster')} > 0)"

COMPARISON = Row(
    "GPU models compared over the time range",
    (
        Panel(
            "GPU models",
            "All servers with a GPU of this model, whatever they serve and however busy they are: choose one model "
            "above to compare like with like.",
            "table",
            "none",
            (
                Query(BILL, "", moment=True),
                Query(f"3600 * {BILL} / {HOURS}", "", moment=True),
                Query(f"3600 * {GENERATED} / {HOURS}", "", moment=True),
                Query(usd_per_million(BILL, GENERATED), "", moment=True),
                Query(f"{by_gpu_model(ENERGY, cluster='=~$cluster')} / ({GENERATED} > 0)", "", moment=True),
            ),
            NO_GPU,
            width=24,
            columns=(
                Column("Bill", "currencyUSD"),
                Column("$ per GPU hour", "currencyUSD"),
                Column("Tokens generated per GPU hour", "short"),
                Column("$/M, generated tokens", "currencyUSD"),
                Column("Joules per generated token", "joule"),
            ),
        ),
    ),
)
