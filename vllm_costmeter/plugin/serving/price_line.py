"""The line at the start that says what a server's GPUs cost."""

from __future__ import annotations

import logging

from vllm_costmeter.core.pricing.price import Price

log = logging.getLogger("vllm.costmeter")


def tell_price(price: Price | None, gpus: int) -> None:
    """Log it."""
    if price is None:
        log.warning(
            "costmeter: no price is known for this server, so it counts tokens but no dollars; set --gpu-hourly-usd"
        )
        return
    dated = f" of {price.as_of}" if price.as_of else ""
    rate = sum(price.usd_per_hour_by_component.values())
    log.info(
        "costmeter: %d GPU%s at $%.4g/h in total (%s, from %s%s); live on /metrics as costmeter_*",
        gpus,
        "" if gpus == 1 else "s",
        rate,
        price.basis,
        price.source,
        dated,
    )
