"""Compare a server with APIs: what the same tokens would have cost there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.economics.api_break_even import ApiBreakEven, api_break_even
from vllm_costmeter.core.economics.plan import saving
from vllm_costmeter.core.pricing.api_price import ApiPriceRow, ServedTokens, api_usd
from vllm_costmeter.core.pricing.currency import Currency
from vllm_costmeter.core.pricing.money import written
from vllm_costmeter.core.pricing.quote import STALE_AFTER_DAYS, with_age
from vllm_costmeter.outputs.economics.answer import Section, amount, percent

SCHEMA = "costmeter.compare-api/1"


@dataclass(frozen=True, slots=True)
class OwnServing:
    """The tokens served, their cost and the source of both."""

    tokens: ServedTokens
    usd: Fraction | None
    """None: unknown."""
    source: str
    hours: Fraction | None = None
    """That `usd` paid for; None: unknown, so there is no break-even per day."""
    tokens_per_second: Fraction | None = None
    """Generated at full load."""

    def break_even(self, row: ApiPriceRow) -> ApiBreakEven | None:
        """Against one API; None if the cost per hour is not known or the API asks nothing."""
        if self.usd is None or self.hours is None:
            return None
        return api_break_even(
            self.usd / self.hours,
            api_usd(row, self.tokens),
            self.tokens.total,
            self.tokens.generated,
            self.tokens_per_second,
        )


def section(
    own: OwnServing, rows: Sequence[ApiPriceRow], model: str, currency: Currency, today: date
) -> Section:
    """One row per provider and one for this server."""
    code = currency.code
    titles = ("served by", code, f"input {code}/M", "cached", "output", "as of", "here vs API")
    lines: list[tuple[str, ...]] = []
    if own.usd is not None:
        lines.append(("here", amount(own.usd, currency), "", "", "", "", ""))
    for row in rows:
        usd = api_usd(row, own.tokens)
        prices = (row.input_usd_per_million, row.cached, row.output_usd_per_million)
        lines.append(
            (
                row.provider,
                amount(usd, currency),
                *(amount(each, currency, 3) for each in prices),
                with_age(row.as_of, row.age_days(today)),
                _against(own.usd, usd),
            )
        )
    tokens = own.tokens
    even = [(row, found) for row in rows if (found := own.break_even(row)) is not None]
    notes = (
        *(_break_even(row.provider, found) for row, found in even),
        *((_WHAT_BREAKS_EVEN,) if even else ()),
        f"Prompt tokens: {tokens.prompt_computed:,} computed, {tokens.prompt_cached:,} cached; {tokens.generated:,} "
        f"generated tokens ({own.source}).",
        "An API may use another chat template, cache other prompts and serve another precision.",
    )
    return Section(f"The same tokens of {model} at an API", titles, lines, notes)


_WHAT_BREAKS_EVEN = "Break-even: tokens of all kinds, in the proportions below, for GPUs paid 24 hours a day."


def _break_even(provider: str, found: ApiBreakEven) -> str:
    asked = f"break-even with {provider}: {written(found.tokens_per_day, 0)} tokens a day"
    if found.utilisation is None:
        return asked
    if found.utilisation > 1:
        return f"{asked}, {written(found.utilisation, 1)}x the full load: the API stays cheaper"
    return f"{asked}, {percent(found.utilisation)} of the full load"


def _against(own: Fraction | None, api: Fraction) -> str:
    saved = None if own is None else saving(own, api)
    if saved is None:
        return ""
    if saved < -1:
        return f"{written(1 - saved, 1)}x the API price"
    return f"{'-' if saved > 0 else '+' if saved < 0 else ''}{percent(abs(saved))}"


def values(own: OwnServing, rows: Sequence[ApiPriceRow], model: str, today: date) -> dict[str, Any]:
    """The cost of the same tokens at every provider."""
    tokens = own.tokens
    found: dict[str, Any] = {
        "model": model,
        "tokens": {
            "prompt_computed": tokens.prompt_computed,
            "prompt_cached": tokens.prompt_cached,
            "generated": tokens.generated,
        },
        "tokens_source": own.source,
    }
    if own.usd is not None:
        found["own_usd"] = own.usd
        if tokens.generated:
            found["own_usd_per_million_generated_tokens"] = own.usd / tokens.generated * 1_000_000
    return found | {"apis": [_row(own, row, today) for row in rows]}


def _row(own: OwnServing, row: ApiPriceRow, today: date) -> dict[str, Any]:
    usd = api_usd(row, own.tokens)
    found: dict[str, Any] = {
        "provider": row.provider,
        "model": row.model,
        "usd": usd,
        "input_usd_per_million_tokens": row.input_usd_per_million,
        "cached_usd_per_million_tokens": row.cached,
        "output_usd_per_million_tokens": row.output_usd_per_million,
        "as_of": row.as_of,
        "age_days": row.age_days(today),
        "stale": row.age_days(today) > STALE_AFTER_DAYS,
        "source": row.source,
    }
    saved = None if own.usd is None else saving(own.usd, usd)
    if saved is not None:
        found["own_saving_ratio"] = saved
    even = own.break_even(row)
    if even is not None:
        found["break_even_tokens_per_day"] = even.tokens_per_day
        if even.utilisation is not None:
            found["break_even_utilization_ratio"] = even.utilisation
    return found
