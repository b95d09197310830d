"""LiteLLM's model cost map, with the entries it looks up for `hosted_vllm/NAME`.

The keys are those of model_prices_and_context_window.json, `sample_spec`
(github.com/BerriAI/litellm, release 1.110.2, read on 2026-11-28): dollars per token.
"""

from __future__ import annotations

import json
from typing import Any

from vllm_costmeter.core.economics.token_prices import TokenPrices
from vllm_costmeter.outputs.prices_export.export import PriceExport

PROVIDER = "hosted_vllm"


def litellm_json(export: PriceExport) -> str:
    """The map. A price that the period does not give is left out."""
    source = f"vllm-costmeter from {export.source}, {export.period}"
    entries = {f"{PROVIDER}/{name}": _entry(prices, source) for name, prices in export.by_name()}
    return json.dumps(entries, indent=2) + "\n"


def _entry(prices: TokenPrices, source: str) -> dict[str, Any]:
    named = {
        "input_cost_per_token": prices.input_usd,
        "cache_read_input_token_cost": prices.cached_input_usd,
        "output_cost_per_token": prices.output_usd,
    }
    return {
        "litellm_provider": PROVIDER,
        "mode": "chat" if prices.output_usd is not None else "embedding",
        **{key: price for key, price in named.items() if price is not None},
        "source": source,
    }
