"""API prices per token, and the cost of locally served tokens at those prices."""

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
    """The provider's name for the model."""
    provider: str
    input_usd_per_million: Fraction
    output_usd_per_million: Fraction
    cached_usd_per_million: Fraction | None
    """Input tokens read from the provider's prompt cache; None: same price as other input."""
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
        """Days since the first day that `as_of` can mean: an upper bound of the age."""
        return (today - first_day(self.as_of)).days


@dataclass(frozen=True, slots=True)
class ServedTokens:
    """Tokens that a server has processed, as counted by vLLM."""

    prompt_computed: int
    prompt_cached: int
    generated: int

    @property
    def total(self) -> int:
        return self.prompt_computed + self.prompt_cached + self.generated


def api_usd(row: ApiPriceRow, tokens: ServedTokens) -> Fraction:
    """Cost of `tokens` at the prices of `row`, in USD."""
    return (
        row.input_usd_per_million * tokens.prompt_computed
        + row.cached * tokens.prompt_cached
        + row.output_usd_per_million * tokens.generated
    ) / 1_000_000


def folded_model(name: str) -> str:
    """A key that is equal for all spellings of one model name.

    It is the last part of the path, in lower case and without punctuation; "3p1" equals "3.1", and
    "meta-llama-3.1" equals "llama-3.1".
    """
    last = name.rstrip("/").rpartition("/")[2].casefold()
    last = re.sub(r"(?<=\d)p(?=\d)", "", last).removeprefix("meta-")
    return re.sub(r"[^a-z0-9]", "", last)


def prices_of(rows: Iterable[ApiPriceRow], model: str, provider: str | None = None) -> list[ApiPriceRow]:
    """One row per provider for `model`, cheapest output first; a user's row replaces the package's.

    BadInputError, with the nearest names, for an unknown model or provider.
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
    """`ServedTokens` from counts by kind; a missing kind counts as 0."""
    return ServedTokens(
        counts.get("prompt_computed", 0), counts.get("prompt_cached", 0), counts.get("generated", 0)
    )
