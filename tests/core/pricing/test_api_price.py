"""What served tokens cost at an API."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.api_price import (
    ApiPriceRow,
    ServedTokens,
    api_usd,
    folded_model,
    prices_of,
    tokens_by_kind,
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


def test_a_kind_that_was_not_counted_is_none() -> None:
    """Of either kind of prompt tokens and of generated ones."""
    assert tokens_by_kind({}) == ServedTokens(0, 0, 0)
    counts = {"prompt_computed": 1, "prompt_cached": 2, "generated": 3, "another": 4}
    assert tokens_by_kind(counts) == ServedTokens(1, 2, 3)


def test_a_row_is_the_packages_and_verified_unless_it_says_otherwise() -> None:
    """It is as old as the first day that its date can mean makes it."""
    found = row("m", "p")
    assert (found.verified, found.from_user) == (True, False)
    assert found.age_days(date(2026, 11, 29)) == 28


def test_what_costs_the_same_to_write_is_listed_by_what_it_costs_to_read() -> None:
    """Of two rows of one provider the cheaper output counts, and your own counts first."""
    rows = [
        replace(row("m", name), input_usd_per_million=Fraction(usd))
        for name, usd in (("a", 3), ("b", 1), ("c", 2))
    ]
    assert [each.provider for each in prices_of(rows, "m")] == ["b", "c", "a"]
    two = [row("m", "a", "3"), row("org/M", "a", "2")]
    assert prices_of(two, "m") == prices_of(two[::-1], "m") == two[1:]
    mine = row("m", "a", "9", from_user=True)
    assert prices_of([*two, mine], "m") == [mine]


def test_one_provider_is_named_in_any_case() -> None:
    """And no other is listed."""
    assert prices_of(ROWS, "Llama 3.1 8B Instruct", "CHEAP") == [ROWS[1]]


@pytest.mark.parametrize(
    ("model", "provider", "says"),
    [
        ("zzzz", None, "no API price for 'zzzz' is known"),
        ("zzzz", "dear", "no API price for 'zzzz' at dear is known"),
        ("Llama", "nobody", "no API provider is called 'nobody'; known: cheap, dear"),
        (
            "8b-instruct",
            "cheap",
            "no API price for '8b-instruct' at cheap is known; nearest: llama-3p1-8b-instruct",
        ),
    ],
)
def test_what_is_not_known_is_said_in_one_line(model: str, provider: str | None, says: str) -> None:
    with pytest.raises(BadInputError) as fault:
        prices_of(ROWS, model, provider)
    assert str(fault.value) == says


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("org/Meta-Llama-3.1-8B/", "llama318b"),
        ("accounts/x/models/llama-v3p1", "llamav31"),
        ("p1-gpt", "p1gpt"),
        ("Qwen2.5_VL:free", "qwen25vlfree"),
    ],
)
def test_a_name_is_its_last_part_without_punctuation(name: str, key: str) -> None:
    """A "p" is a point between digits only."""
    assert folded_model(name) == key
