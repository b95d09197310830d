"""The price of the served model at the configured API provider."""

from __future__ import annotations

import logging

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.api_price import ApiPriceRow
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.sources.catalogue.api_prices import chosen_api_price

log = logging.getLogger("vllm.costmeter")


def api_price(settings: Settings, served_name: str) -> ApiPriceRow | None:
    """None if no provider is set or, with one log line, if it has no price for the model."""
    if settings.api_provider is None:
        return None
    try:
        row = chosen_api_price(settings.api_provider, settings.api_model, served_name)
    except BadInputError as why:
        log.warning("costmeter: no comparison with an API: %s; set --costmeter-api-model", why)
        return None
    log.info("costmeter: compared with %s's price for %s (%s)", row.provider, row.model, row.as_of)
    return row
