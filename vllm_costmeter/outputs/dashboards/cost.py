"""The Cost dashboard: the cost of tokens, the parts of the bill, and the cost of idle time."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.api_panels import against_api
from vllm_costmeter.outputs.dashboards.bill_panels import BILL, WORK
from vllm_costmeter.outputs.dashboards.divided import Counted, phase_per_million, whole_bill_per_million
from vllm_costmeter.outputs.dashboards.gpu_panels import GPUS
from vllm_costmeter.outputs.dashboards.panel import Dashboard, Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import SERVER, grown, increase, rate, series, summed
from vllm_costmeter.outputs.dashboards.shared import (
    ANNOTATIONS,
    COST,
    DEFINITION_COLOURS,
    NO_PRICE,
    NO_TOKENS,
    ONE_SERVER,
    TIMES,
    VARIABLES,
)
from vllm_costmeter.outputs.dashboards.tenant_panels import TENANTS
from vllm_costmeter.outputs.economics.api_prices import DEFAULT

PRICE, FLOOR = "costmeter_usd_per_million_tokens", "costmeter_floor_usd_per_million_tokens"


def _running_price(metric: str) -> str:
    """$/M generated tokens by server, as the meter divides it, because the floor has no counter."""
    return summed(series(metric, per="generated", window="5m"), (*SERVER, "model_name"))


def _definitions(counted: Counted, moment: bool = False) -> tuple[Query, ...]:
    """$/M by the meter's four definitions, from counters: running (`rate`) or over the time range (`increase`)."""
    expressions = (
        whole_bill_per_million(counted),
        whole_bill_per_million(counted, kind="generated"),
        phase_per_million(counted, "prefill"),
        phase_per_million(counted, "decode"),
    )
    names = (name for name, _ in DEFINITION_COLOURS)
    return tuple(Query(text, name, moment) for text, name in zip(expressions, names, strict=True))


RANGE = Row(
    "Over the time range",
    (
        Panel(
            "$/M tokens",
            "Dollars per million tokens over the whole time range, by definition. All and generated tokens: the whole "
            "bill (active, idle and asleep). Prefill and decode: the active cost of that phase, where the shape of the "
            "model is known. Servers without a price are left out, with their tokens. Engines that do not tell cached "
            "prompt tokens apart: prefill is per prompt token, cached ones included if the engine counts them.",
            "stat",
            "currencyUSD",
            _definitions(increase, moment=True),
            NO_TOKENS,
            width=12,
            height=4,
            colours=DEFINITION_COLOURS,
        ),
        Panel(
            "Bill",
            "Total cost of the servers over the time range, in all states. Servers without a price are not in it.",
            "stat",
            "currencyUSD",
            (Query(grown(COST), "bill", moment=True),),
            NO_PRICE,
            width=4,
            height=4,
        ),
        Panel(
            "Idle cost",
            "Cost over the time range while a server was awake and ran no request.",
            "stat",
            "currencyUSD",
            (Query(grown(COST, state="idle"), "idle", moment=True),),
            NO_PRICE,
            width=4,
            height=4,
        ),
        Panel(
            "Idle share",
            "Idle cost as a share of the bill of the time range. Sleeping servers do not count as idle.",
            "stat",
            "percentunit",
            (Query(f"{grown(COST, state='idle')} / ({grown(COST)} > 0)", "idle share", moment=True),),
            NO_PRICE,
            width=4,
            height=4,
            maximum=1,
            thresholds=((0.5, "orange"), (0.8, "red")),
        ),
    ),
)

PRICE_OF_A_TOKEN = Row(
    "Cost per token",
    (
        Panel(
            "$/M tokens by definition",
            "The running price, from counters: dollars divided by tokens of the same interval and servers. A gap means "
            "that there were no such tokens; the dollars per hour panels show the cost of that time.",
            "lines",
            "currencyUSD",
            _definitions(rate),
            NO_TOKENS,
            logarithmic=True,
            colours=DEFINITION_COLOURS,
        ),
        Panel(
            "$/M generated tokens by model",
            "The whole bill of each model, divided by the tokens it generated on servers that have a price.",
            "lines",
            "currencyUSD",
            (Query(whole_bill_per_million(rate, ("model_name",), kind="generated"), "{{model_name}}"),),
            NO_TOKENS,
            logarithmic=True,
        ),
        Panel(
            "Price / lowest possible price",
            "$/M generated tokens of each server over the last five minutes, divided by the price with no idle time "
            "and the GPU's limiting resource at 100 %. 1 is the minimum; the rest is idle time, overhead and kernels "
            "slower than the GPU.",
            "lines",
            TIMES,
            (
                Query(
                    f"{_running_price(PRICE)} / ({_running_price(FLOOR)} > 0)",
                    f"{ONE_SERVER} {{{{model_name}}}}",
                ),
            ),
            "no tokens, no price, or a GPU with unknown rates",
            width=24,
            logarithmic=True,
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="costmeter-cost",
    title="vLLM CostMeter / Cost",
    description="Live cost of self-hosted tokens: $/M by definition, the bill, and a comparison with an API.",
    rows=(RANGE, PRICE_OF_A_TOKEN, BILL, WORK, TENANTS, against_api(DEFAULT), GPUS),
    labels=VARIABLES,
    annotations=ANNOTATIONS,
)
