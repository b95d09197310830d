"""What served tokens cost at an API."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.api_price import (
    ApiPriceRow,
    ServedTokens,
    api_usd,
    folded_model,
    prices_of,
)
from vllm_costmeter.core.pricing.money import exact


def row(model: str, provider: str, output: str = "2", cached: str | None = None, **more: bool) -> ApiPriceRow:
    """0.50 USD per million input."""
    usd = None if cached is None else exact(cached)
    return ApiPriceRow(model, provider, exact("0.5"), exact(output), usd, "2026-11", "a page", **more)


ROWS = [row("meta-llama/Meta-Llama-3.1-8B-Instruct", "dear"), row("llama-3p1-8b-instruct", "cheap", "1")]


def test_each_kind_of_token_has_its_price() -> None:
    """A million of each; cached input costs what input costs where the API names no price for it."""
    tokens = ServedTokens(1_000_000, 1_000_000, 1_000_000)
    assert api_usd(row("m", "p"), tokens) == 3
    assert api_usd(row("m", "p", cached="0.05"), tokens) == exact("2.55")
    assert api_usd(row("m", "p"), ServedTokens(0, 0, 0)) == 0


def test_spellings_of_one_model_are_one() -> None:
    """Organisation, case, punctuation, the older name and Fireworks' "p" for a point."""
    assert len({folded_model(each.model) for each in ROWS} | {folded_model("Llama 3.1 8B Instruct")}) == 1
    assert folded_model("Llama-3.1-8B-Instruct-Turbo") != folded_model("Llama-3.1-8B-Instruct")


def test_the_cheapest_output_comes_first_and_your_row_wins() -> None:
    """One row per provider; your own goes before the package's, even where it is dearer."""
    yours = row("Llama-3.1-8B-Instruct", "cheap", "9", from_user=True)
    found = prices_of([*ROWS, yours], "Llama 3.1 8B Instruct")
    assert [(each.provider, each.output_usd_per_million) for each in found] == [
        ("dear", Fraction(2)),
        ("cheap", 9),
    ]


def test_an_unknown_model_or_provider_names_the_nearest() -> None:
    """One line."""
    with pytest.raises(BadInputError, match=r"nearest: .*Meta-Llama"):
        prices_of(ROWS, "Llama-3.1-8B-Instrct")
    with pytest.raises(BadInputError, match="nearest: cheap"):
        prices_of(ROWS, "Llama 3.1 8B Instruct", "cheep")


def test_the_tokens_of_a_server_are_the_sum_of_their_kinds() -> None:
    """Each kind counts."""
    assert ServedTokens(100, 10, 1).total == 111
