"""How much a server that is paid by the hour must do before it costs less than an API."""

from __future__ import annotations

from fractions import Fraction

from vllm_costmeter.core.dataclass import dataclass

HOURS_PER_DAY = 24
_SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class ApiBreakEven:
    """The load at which one day of the server costs what the API asks for the same tokens."""

    tokens_per_day: Fraction
    """Of all kinds, in the proportions that were compared."""
    generated_per_day: Fraction
    utilisation: Fraction | None
    """Of the rate at full load, 1 and more: the API is cheaper even then. None: that rate is not known."""


def api_break_even(
    own_usd_per_hour: Fraction,
    api_usd: Fraction,
    tokens: int,
    generated: int,
    tokens_per_second: Fraction | None = None,
) -> ApiBreakEven | None:
    """Tokens per day = 24 h x own USD per hour / (API USD per token); None if the API asks nothing.

    `api_usd` is the API's bill for `tokens` tokens, `generated` of them generated. `tokens_per_second` counts
    generated tokens at full load, as `costmeter cost` does. The server is paid all day.
    """
    if api_usd <= 0 or tokens <= 0:
        return None
    loads_per_day = own_usd_per_hour * HOURS_PER_DAY / api_usd
    a_day = generated * loads_per_day
    return ApiBreakEven(
        tokens_per_day=tokens * loads_per_day,
        generated_per_day=a_day,
        utilisation=None if tokens_per_second is None else a_day / (tokens_per_second * _SECONDS_PER_DAY),
    )
