"""Hours, rate and tokens of a use: two of them give the third."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from vllm_costmeter.core.economics.use_request import UseRequest
from vllm_costmeter.core.errors import BadInputError

HALF = Fraction(1, 2)


def test_tokens_and_hours_give_the_rate_while_the_gpu_works() -> None:
    """36 million tokens in ten hours are 1000 a second, in five working hours of ten 2000."""
    assert UseRequest("L40S", Fraction(10), tokens=Fraction(36_000_000)).stated_rate() == 1000
    assert (
        UseRequest("L40S", Fraction(10), tokens=Fraction(36_000_000), utilisation=HALF).stated_rate() == 2000
    )


def test_tokens_and_a_rate_give_the_hours() -> None:
    """The GPU is there for twice as long if it works half of the time."""
    served: dict[str, Any] = {"tokens": Fraction(36_000_000), "tokens_per_second": Fraction(1000)}
    assert UseRequest("L40S", **served).stated_hours() == 10
    assert UseRequest("L40S", **served, utilisation=HALF).stated_hours() == 20
    assert UseRequest("L40S", Fraction(3), tokens_per_second=Fraction(1000)).stated_hours() == 3


@pytest.mark.parametrize("known", [{}, {"tokens": Fraction(1)}, {"hours": Fraction(1)}])
def test_less_than_two_of_them_give_no_rate(known: dict[str, Any]) -> None:
    assert UseRequest("L40S", **known).stated_rate() is None


@pytest.mark.parametrize("known", [{}, {"tokens": Fraction(1)}, {"tokens_per_second": Fraction(1)}])
def test_hours_that_nothing_gives_are_asked_for(known: dict[str, Any]) -> None:
    with pytest.raises(BadInputError, match="no hours"):
        UseRequest("L40S", **known).stated_hours()


@pytest.mark.parametrize(
    ("tokens", "agrees"),
    [
        (1_000_000, True),
        (1_010_101, True),
        (990_100, True),
        (1_020_000, False),
        (980_000, False),
        (500_000, False),
    ],
)
def test_three_that_agree_within_a_hundredth_are_taken(tokens: int, agrees: bool) -> None:
    """1000 tokens a second for 1000 seconds are a million; people round, but not by more."""
    use = UseRequest("L40S", Fraction(1000, 3600), tokens_per_second=Fraction(1000), tokens=Fraction(tokens))
    if agrees:
        assert use.stated_rate() == 1000
    else:
        with pytest.raises(BadInputError, match="leave one of the three out"):
            use.stated_rate()


def test_a_difference_of_exactly_a_hundredth_is_rounding() -> None:
    """1,000,000 served against 1,000,000 / 0.99 and / 1.01 stated."""
    for tokens in (Fraction(100_000_000, 99), Fraction(100_000_000, 101)):
        use = UseRequest("L40S", Fraction(1000, 3600), tokens_per_second=Fraction(1000), tokens=tokens)
        assert use.stated_rate() == 1000


@pytest.mark.parametrize(
    ("utilisation", "says"),
    [
        (Fraction(1), "L40S: 1 h of 1,000 tok/s are 3.6 Mtok, not 2: leave one of the three out"),
        (HALF, "L40S: 1 h of 1,000 tok/s at 50% are 1.8 Mtok, not 2: leave one of the three out"),
    ],
)
def test_a_contradiction_shows_its_arithmetic(utilisation: Fraction, says: str) -> None:
    """The utilisation only where it matters."""
    use = UseRequest(
        "L40S",
        Fraction(1),
        tokens_per_second=Fraction(1000),
        tokens=Fraction(2_000_000),
        utilisation=utilisation,
    )
    with pytest.raises(BadInputError) as fault:
        use.stated_rate()
    assert str(fault.value) == says


def test_what_is_not_stated_of_a_use_is_rent_for_serving_all_the_time() -> None:
    """To the second, without a least."""
    use = UseRequest("L40S")
    assert (use.is_owned, use.purpose, use.utilisation, use.minimum_hours, use.billed_by_hours) == (
        False,
        "serving",
        1,
        0,
        None,
    )
