"""What is exported: the prices of each name a request can ask for, and what has none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from vllm_costmeter.core.economics.token_prices import (
    CachedRule,
    IdleRule,
    ModelSpend,
    TokenPrices,
    absent_because,
    token_prices,
)

SCHEMA = "costmeter.prices-export/1"


class PricedModel(NamedTuple):
    """A model with its prices."""

    spend: ModelSpend
    prices: TokenPrices


class PriceExport(NamedTuple):
    """Prices of one period."""

    source: str
    since: datetime | None
    """None: the start of the server."""
    until: datetime
    idle: IdleRule
    cached: CachedRule
    models: Sequence[PricedModel]
    absent: Sequence[tuple[str, str]]
    """Names without a price, and why."""

    @property
    def period(self) -> str:
        """In words."""
        since = "the start of the server" if self.since is None else f"{self.since:%Y-%m-%dT%H:%MZ}"
        return f"{since} to {self.until:%Y-%m-%dT%H:%MZ}"

    def by_name(self) -> Iterator[tuple[str, TokenPrices]]:
        """Each name that a request can ask for: models, and LoRA adapters at the prices of their model."""
        names = {model.spend.model_name for model in self.models}
        yield from ((model.spend.model_name, model.prices) for model in self.models)
        for adapter, owners in _owners(self.models).items():
            if adapter not in names and len({owner.prices for owner in owners}) == 1:
                yield adapter, owners[0].prices


def price_export(
    spends: Iterable[ModelSpend],
    source: str,
    *,
    since: datetime | None,
    until: datetime,
    idle: IdleRule,
    cached: CachedRule,
) -> PriceExport:
    """The prices of all models that have them."""
    models, absent = [], []
    for spend in spends:
        reason = absent_because(spend)
        if reason is None:
            models.append(PricedModel(spend, token_prices(spend, idle, cached)))
        else:
            absent.append((spend.model_name, reason))
    absent += [
        (
            adapter,
            f"adapter of {' and '.join(owner.spend.model_name for owner in owners)}, at different prices",
        )
        for adapter, owners in _owners(models).items()
        if len({owner.prices for owner in owners}) > 1
    ]
    return PriceExport(source, since, until, idle, cached, models, absent)


def notes(export: PriceExport) -> Iterator[str]:
    """What the reader of the prices has to know, a line each."""
    for name, reason in export.absent:
        yield f"{name}: left out: {reason}"
    for spend, prices in export.models:
        name = spend.model_name
        if spend.unpriced_tokens > 0:
            yield f"{name}: {spend.unpriced_tokens:,.0f} tokens of servers without a price are not counted"
        if prices.divided_by == "tokens":
            yield f"{name}: its cost is not divided by prefill and decode, so every paid token costs the same"
        for kind, price in zip(("input", "output"), (prices.input_usd, prices.output_usd), strict=True):
            if price is None:
                yield f"{name}: no {kind} tokens in the period, so no {kind} price"
        if spend.prompt_cached > 0 and export.cached == "free":
            yield (
                f"{name}: cached prompt tokens cost 0, which a gateway only sees if vLLM runs with "
                "--enable-prompt-tokens-details; without it, export with --cached as-input"
            )
    if export.idle == "exclude" and any(model.spend.not_active_usd for model in export.models):
        left = sum(model.spend.not_active_usd for model in export.models)
        yield f"idle time is not in these prices: {left:,.4f} USD of the bill"


def export_json(export: PriceExport) -> str:
    """Everything, in a form of our own."""
    values: dict[str, Any] = {
        "schema": SCHEMA,
        "source": export.source,
        "since": None if export.since is None else f"{export.since:%Y-%m-%dT%H:%M:%SZ}",
        "until": f"{export.until:%Y-%m-%dT%H:%M:%SZ}",
        "idle": export.idle,
        "cached": export.cached,
        "models": [_model(export, *model) for model in export.models],
        "absent": [{"model": name, "reason": reason} for name, reason in export.absent],
        "notes": list(notes(export)),
    }
    return json.dumps(values, indent=2) + "\n"


def _model(export: PriceExport, spend: ModelSpend, prices: TokenPrices) -> dict[str, Any]:
    named = zip(("input", "cached_input", "output"), prices[:3], strict=True)
    return {
        "model": spend.model_name,
        "adapters": list(spend.adapters),
        "usd": spend.bill_usd(export.idle),
        "prompt_computed_tokens": round(spend.prompt_computed),
        "prompt_cached_tokens": round(spend.prompt_cached),
        "generated_tokens": round(spend.generated),
        "usd_per_token": {kind: price for kind, price in named if price is not None},
        "divided_by": prices.divided_by,
    }


def _owners(models: Sequence[PricedModel]) -> dict[str, list[PricedModel]]:
    found: dict[str, list[PricedModel]] = {}
    for model in models:
        for adapter in model.spend.adapters:
            found.setdefault(adapter, []).append(model)
    return found
