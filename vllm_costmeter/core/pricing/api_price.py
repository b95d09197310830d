"""What APIs charge for tokens, and what the tokens served here would have cost there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from fractions import Fraction

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.pricing.quote import first_day


@dataclass(frozen=True, slots=True)
class ApiPriceRow:
    """One provider's prices for one model, dated."""

    model: str
    """As the provider names it."""
    provider: str
    input_usd_per_million: Fraction
    output_usd_per_million: Fraction
    cached_usd_per_million: Fraction | None
    """Input read from the provider's prompt cache; None: at the price of input."""
    as_of: str
    source: str
    verified: bool = True
    from_user: bool = False

    @property
    def cached(self) -> Fraction:
        """USD per million cached input tokens."""
        return (
            self.input_usd_per_million if self.cached_usd_per_million is None else self.cached_usd_per_million
        )

    def age_days(self, today: date) -> int:
        """Days since the first day that `as_of` can mean: the age at most."""
        return (today - first_day(self.as_of)).days


@dataclass(frozen=True, slots=True)
class ServedTokens:
    """What a server has done, as vLLM counts it."""

    prompt_computed: int
    prompt_cached: int
    generated: int

    @property
    def total(self) -> int:
        return self.prompt_computed + self.prompt_cached + self.generated


def api_usd(row: ApiPriceRow, tokens: ServedTokens) -> Fraction:
    """What these tokens cost at that API."""
    return (
        row.input_usd_per_million * tokens.prompt_computed
        + row.cached * tokens.prompt_cached
        + row.output_usd_per_million * tokens.generated
    ) / 1_000_000


def folded_model(name: str) -> str:
    """Equal for the spellings of one model: the last part of its path, lower case, without punctuation, a "p" between
    digits as a point, "meta-llama-3.1" as "llama-3.1"."""
    last = name.rstrip("/").rpartition("/")[2].casefold()
    last = re.sub(r"(?<=\d)p(?=\d)", "", last).removeprefix("meta-")
    return re.sub(r"[^a-z0-9]", "", last)


def prices_of(rows: Iterable[ApiPriceRow], model: str, provider: str | None = None) -> list[ApiPriceRow]:
    """Every provider's row for that model, cheapest output first, the user's own row before the package's.

    BadInputError with the nearest names for a model or a provider that no row has.
    """
    known = list(rows)
    if provider is not None:
        providers = sorted({row.provider for row in known})
        if provider.casefold() not in map(str.casefold, providers):
            raise BadInputError(
                f"no API provider is called {provider!r}{nearest(provider, providers)}; known: "
                f"{', '.join(providers)}"
            )
        known = [row for row in known if row.provider.casefold() == provider.casefold()]
    wanted = folded_model(model)
    found = [row for row in known if folded_model(row.model) == wanted]
    if not found:
        by_last = {row.model.rpartition("/")[2]: row for row in known}
        where = "" if provider is None else f" at {provider}"
        raise BadInputError(
            f"no API price for {model!r}{where} is known{nearest(model, by_last, cutoff=0.3)}"
        )
    best: dict[str, ApiPriceRow] = {}
    for row in sorted(found, key=lambda row: (not row.from_user, row.output_usd_per_million, row.model)):
        best.setdefault(row.provider, row)
    return sorted(best.values(), key=lambda row: (row.output_usd_per_million, row.input_usd_per_million))


def tokens_by_kind(counts: Mapping[str, int]) -> ServedTokens:
    """From counts by kind; a kind that is missing is 0."""
    return ServedTokens(
        counts.get("prompt_computed", 0), counts.get("prompt_cached", 0), counts.get("generated", 0)
    )
