"""The own bill beside what an API would take for the same tokens."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.panel import NumberVariable, Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import (
    PER_HOUR,
    PER_MILLION,
    grown,
    per_second,
    usd_per_hour,
)
from vllm_costmeter.outputs.dashboards.shared import (
    COST,
    NO_PRICE,
    NO_TOKENS,
    TOKENS,
)

API_SOURCE = "Default: Llama 3.3 70B at DeepInfra in litellm 1.109.1's price map."
API_PRICES = (
    NumberVariable(
        "api_input", "API $/M input", f"What an API takes per million prompt tokens. {API_SOURCE}", "0.23"
    ),
    NumberVariable(
        "api_cached",
        "API $/M cached",
        f"What it takes per million prompt tokens read from its cache; many take the full input price. {API_SOURCE}",
        "0.23",
    ),
    NumberVariable(
        "api_output", "API $/M output", f"What it takes per million generated tokens. {API_SOURCE}", "0.40"
    ),
)


def api_usd(counted: str) -> str:
    """What an API would take for the tokens; `counted` is "rate" (per second) or "increase" (over the range)."""
    count = {"rate": per_second, "increase": grown}[counted]
    kinds = (
        ("prompt_computed", "$api_input"),
        ("prompt_cached", "$api_cached"),
        ("generated", "$api_output"),
    )
    return (
        "(" + " + ".join(f"{count(TOKENS, kind=kind)} * {usd}" for kind, usd in kinds) + f") / {PER_MILLION}"
    )


AGAINST_API = Row(
    "Own against an API (prices in the boxes above)",
    (
        Panel(
            "Dollars per hour, own against API",
            "The whole bill beside what an API would take for the same tokens at the prices in the boxes above.",
            "lines",
            "currencyUSD",
            (
                Query(usd_per_hour(), "own, whole bill"),
                Query(f"{PER_HOUR} * {api_usd('rate')}", "API, same tokens"),
            ),
            NO_PRICE,
            width=18,
            colours=(("own, whole bill", "blue"), ("API, same tokens", "orange")),
        ),
        Panel(
            "Own over API",
            "The whole bill over what an API would have taken, for the time range. Below 100 % serving it here is "
            "cheaper.",
            "stat",
            "percentunit",
            (Query(f"{grown(COST)} / ({api_usd('increase')} > 0)", "own over API", moment=True),),
            NO_TOKENS,
            width=6,
            thresholds=((1, "orange"), (1.5, "red")),
        ),
    ),
)
