"""The setting that says where the price of a single request is told."""

from __future__ import annotations

from typing import Literal, cast, get_args

from vllm_costmeter.core.errors import nearest

RequestPrice = Literal["off", "record", "header", "usage", "both", "number"]
MODES: tuple[RequestPrice, ...] = get_args(RequestPrice)

REQUEST_PRICE_HELP = (
    "Price of each request: record keeps it for an hour for GET /costmeter/requests/ID, the DEBUG log and traces; header, "
    "usage and both also put it into the answer; number is both with usage.cost as a plain number of dollars; off "
    "(default) leaves requests alone."
)


def request_price(raw: object) -> RequestPrice:
    """One of `MODES`. YAML and TOML writers turn a bare `off` into false."""
    folded = "off" if raw is False else str(raw).strip().lower()
    if folded not in MODES:
        raise ValueError(f"one of {', '.join(MODES)}{nearest(folded, MODES, 1)}")
    return cast(RequestPrice, folded)
