"""Langfuse's model definitions: bodies of POST /api/public/models, or PUT /api/public/models/{id} to replace one.

The fields are those of CreateModelRequest and PricingTierInput (github.com/langfuse/langfuse,
fern/apis/server/definition/models.yml and the Python SDK 5.0.4); the names of usage those of its own prices in
worker/src/constants/default-model-prices.json. Read on 2026-11-28.
"""

from __future__ import annotations

import json
import re
from typing import Any

from vllm_costmeter.core.economics.token_prices import TokenPrices
from vllm_costmeter.outputs.prices_export.export import PriceExport
from vllm_costmeter.outputs.prices_export.litellm import PROVIDER

CACHED_NAMES = ("input_cached_tokens", "input_cache_read", "cache_read_input_tokens")
"""What integrations call cached prompt tokens; a generation has one of them."""


def langfuse_json(export: PriceExport) -> str:
    """A list with one definition for each name, which matches it alone, with or without LiteLLM's prefix."""
    return json.dumps([_definition(name, prices) for name, prices in export.by_name()], indent=2) + "\n"


def _definition(name: str, prices: TokenPrices) -> dict[str, Any]:
    named = {
        "input": prices.input_usd,
        **dict.fromkeys(CACHED_NAMES, prices.cached_input_usd),
        "output": prices.output_usd,
    }
    tier = {
        "name": "Standard",
        "isDefault": True,
        "priority": 0,
        "conditions": [],
        "prices": {usage: price for usage, price in named.items() if price is not None},
    }
    return {
        "modelName": name,
        "matchPattern": f"(?i)^({PROVIDER}/)?({re.escape(name)})$",
        "unit": "TOKENS",
        "pricingTiers": [tier],
    }
