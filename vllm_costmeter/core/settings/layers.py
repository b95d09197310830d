"""Layers of raw settings (flags, environment, files) turned into one validated `Settings`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.settings.table import BY_KEY, LayerKind, Settings, convert


class SettingsLayer(NamedTuple):
    """Raw values by key, and how to name a key in messages: `lambda key: f"prices.toml: {key}"`."""

    kind: LayerKind
    given_as: Callable[[str], str]
    values: Mapping[str, object]


def resolve(layers: Iterable[SettingsLayer]) -> Settings:
    """One `Settings` from layers, highest priority first.

    Raises BadInputError for an unknown key (with the nearest valid ones), a value out of range, or conflicting
    prices.
    """
    found: dict[str, Any] = {}
    price_source: LayerKind | None = None
    for kind, given_as, values in layers:
        layer: dict[str, Any] = {}
        for key, raw in values.items():
            if key not in BY_KEY:
                hint = nearest(key, BY_KEY) or f"; known: {', '.join(BY_KEY)}"
                raise BadInputError(f"{given_as(key)} is not a setting{hint}")
            layer[key] = convert(BY_KEY[key], raw, given_as(key))
        bases = [basis for basis in PRICE_BASES if basis in layer]
        if len(bases) > 1:
            given = " and ".join(given_as(basis) for basis in bases)
            raise BadInputError(f"{given} are mutually exclusive: a server has one price; keep one of them")
        if bases and price_source is None:
            price_source = kind
        elif bases:
            layer = {key: value for key, value in layer.items() if key not in PRICE_BASES}
        found = layer | found
    settings = Settings(**found, price_source=price_source)
    if settings.purchase_usd is not None and settings.residual_usd > settings.purchase_usd:
        raise BadInputError(
            f"residual_usd ({settings.residual_usd:g}) is above purchase_usd ({settings.purchase_usd:g}): "
            "a GPU does not gain value; lower residual_usd"
        )
    _check_budgets(settings)
    return settings


def _check_budgets(settings: Settings) -> None:
    """A refusal needs to know whose a request is before vLLM has it, and where the budgets are."""
    if settings.budget_action == "refuse" and settings.tenant_from[:1] in ((), ("adapter",)):
        raise BadInputError(
            "budget_action refuse needs to know whose a request is before it is served: let tenant_from begin "
            "with header, user or key"
        )
    if settings.ledger == "off" and (settings.budget_action != "none" or settings.budget_prometheus):
        raise BadInputError(
            "budgets lie beside the ledger, and ledger is off: leave out budget_* or name a ledger"
        )


PRICE_BASES = ("gpu_hourly_usd", "node_hourly_usd", "purchase_usd")
"""The ways to set a price. The highest layer that sets one decides; lower layers' prices are ignored."""
