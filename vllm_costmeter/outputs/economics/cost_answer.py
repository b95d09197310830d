"""The cost of an hour and of a million tokens, as tables and JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.economics.cost import Cost
from vllm_costmeter.core.pricing.currency import Currency
from vllm_costmeter.core.pricing.hourly import Convention
from vllm_costmeter.outputs.economics.answer import NO_ELECTRICITY, Section, amount, percent, span

SCHEMA = "costmeter.cost/1"


def section(
    cost: Cost,
    title: str,
    currency: Currency,
    *,
    convention: Convention = "exact",
    rate_source: str = "",
    notes: Sequence[str] = (),
) -> Section:
    """A column of exact figures and, if requested, one in the article's convention."""
    columns: tuple[Convention, ...] = ("exact",) if convention == "exact" else ("article", "exact")
    rows = [("per hour", *(amount(cost.usd_per_hour(each), currency, 3) for each in columns))]
    rows += [
        (f"  {name}", *(amount(cost.hourly.components(each)[name], currency, 3) for each in columns))
        for name in cost.hourly.components()
        if cost.hourly.owned is not None and cost.hourly.components()[name]
    ]
    if cost.utilisation < 1:
        useful = (span(cost.usd_per_useful_hour(each), currency) for each in columns)
        rows.append((f"per useful hour, at {percent(cost.utilisation)}", *useful))
    if cost.tokens_per_second is not None:
        found = [cost.usd_per_million_tokens(each) for each in columns]
        rows.append(("per million tokens", *(span(each, currency) for each in found if each is not None)))
    titles = ("", currency.code) if len(columns) == 1 else (currency.code, *columns)
    said = (
        [f"{float(cost.tokens_per_second):g} tokens per second ({rate_source})"]
        if cost.tokens_per_second
        else []
    )
    if cost.gco2e_per_million_tokens is not None:
        said.append(
            f"{float(cost.gco2e_per_million_tokens):.3g} g CO2e per million tokens, at the GPUs' power at work "
            f"({cost.gco2e_source})"
        )
    said += list(notes) + ([IDLE_NOTE] if is_range(cost) else [])
    said += [NO_ELECTRICITY] if cost.hourly.lacks_electricity else []
    return Section(title, titles, rows, tuple(said))


IDLE_NOTE = "Range: idle power unknown, 0 W to full; give --idle-watts."


def is_range(cost: Cost) -> bool:
    """Whether unknown idle power affects the figures."""
    low, high = cost.usd_per_useful_hour()
    return low != high


def values(cost: Cost, price: Mapping[str, Any], gpu: str | None, rate_source: str) -> dict[str, Any]:
    """Single figures are the high ends of their ranges, so that a cost is never understated."""
    low, high = cost.usd_per_useful_hour()
    found: dict[str, Any] = {} if gpu is None else {"gpu": {"name": gpu, "count": cost.hourly.gpus}}
    found |= {
        "price": dict(price),
        "usd_per_hour": cost.usd_per_hour(),
        "usd_per_hour_by_component": dict(cost.hourly.components()),
        "utilization_ratio": cost.utilisation,
        "usd_per_useful_hour": high,
        "usd_per_useful_hour_range": [low, high],
    }
    unit = cost.usd_per_million_tokens()
    if cost.tokens_per_second is not None and unit is not None:
        found |= {
            "tokens_per_second": cost.tokens_per_second,
            "tokens_per_second_source": rate_source,
            "usd_per_million_tokens": unit[1],
            "usd_per_million_tokens_range": list(unit),
        }
    if cost.gco2e_per_hour is not None:
        found |= {"gco2e_per_hour": cost.gco2e_per_hour, "gco2e_source": cost.gco2e_source}
    if cost.gco2e_per_million_tokens is not None:
        found["gco2e_per_million_tokens"] = cost.gco2e_per_million_tokens
    found["article_convention"] = _article(cost)
    return found


def _article(cost: Cost) -> dict[str, Fraction]:
    found = {
        "usd_per_hour": cost.usd_per_hour("article"),
        "usd_per_useful_hour": cost.usd_per_useful_hour("article")[1],
    }
    unit = cost.usd_per_million_tokens("article")
    return found if unit is None else found | {"usd_per_million_tokens": unit[1]}
