"""What each model cost and did, by phase and kind of token: of a fleet from Prometheus, of one server from its page."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.economics.token_prices import ModelSpend
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.meter.reading import STATES
from vllm_costmeter.core.meter.shares.adapters import OTHER
from vllm_costmeter.sources.servers.prometheus import SAME_SERVER, query
from vllm_costmeter.sources.servers.served import read_page, tokens_of

TOKENS, COST = "costmeter_tokens_total", "costmeter_cost_usd_total"
PHASES, ADAPTERS = "costmeter_phase_cost_usd_total", "costmeter_lora_cost_usd_total"

Amounts = dict[str, dict[str, float]]
"""By model, then by the value of another label."""


def spend_over(url: str, period: str) -> list[ModelSpend]:
    """By model, over all servers that were scraped in the last `period`. BadInputError for a response that is not from
    Prometheus."""
    cost, tokens = f"increase({COST}[{period}])", f"increase({TOKENS}[{period}])"
    usd = _grouped(url, "state", cost)
    priced = _grouped(url, "kind", f"{tokens} and {SAME_SERVER} {cost}")
    unpriced = _grouped(url, "kind", f"{tokens} unless {SAME_SERVER} {cost}")
    phases = _grouped(url, "phase", f"increase({PHASES}[{period}])")
    adapters = _grouped(url, "lora", f"increase({ADAPTERS}[{period}]) > 0")
    return [
        _spend(
            name,
            usd.get(name),
            phases.get(name, {}),
            priced.get(name, {}),
            adapters=adapters.get(name, {}),
            unpriced_tokens=sum(unpriced.get(name, {}).values()),
        )
        for name in sorted({*usd, *priced, *unpriced})
    ]


def spend_since_start(url: str) -> list[ModelSpend]:
    """By model, of the server whose /metrics page that is. BadInputError without the meter's counters."""
    page = read_page(url)
    if TOKENS not in page:
        raise BadInputError(f"{url} has no {TOKENS}: is the server started with --plugin costmeter?")
    found = []
    for name in page.label_values(TOKENS, "model_name"):

        def amounts(metric: str, label: str, model: str = name) -> dict[str, float]:
            values = page.label_values(metric, label)
            sums = {value: page.total(metric, **{"model_name": model, label: value}) for value in values}
            return {value: total for value, total in sums.items() if total is not None}

        usd, tokens = amounts(COST, "state"), amounts(TOKENS, "kind")
        found.append(
            _spend(
                name,
                usd or None,
                amounts(PHASES, "phase"),
                tokens if usd else {},
                adapters=amounts(ADAPTERS, "lora"),
                unpriced_tokens=0.0 if usd else sum(tokens.values()),
            )
        )
    return found


def _grouped(url: str, label: str, expression: str) -> Amounts:
    found: Amounts = {}
    for labels, value in query(url, f"sum by (model_name, {label}) ({expression})"):
        found.setdefault(labels.get("model_name", ""), {})[labels.get(label, "")] = value
    return found


def _spend(
    name: str,
    usd: Mapping[str, float] | None,
    phases: Mapping[str, float],
    tokens: Mapping[str, float],
    *,
    adapters: Mapping[str, float],
    unpriced_tokens: float,
) -> ModelSpend:
    active, idle, asleep = (0.0 if usd is None else usd.get(state, 0.0) for state in STATES)
    computed, cached, generated = tokens_of(tokens)
    return ModelSpend(
        name,
        None if usd is None else active,
        idle + asleep,
        phases.get("prefill", 0.0),
        phases.get("decode", 0.0),
        computed,
        cached,
        generated,
        tuple(sorted(adapter for adapter, spent in adapters.items() if spent > 0 and adapter != OTHER)),
        unpriced_tokens,
    )
