"""What is published of a server that is only seen from outside."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.meter.outside import Outside, seen_from_outside, token_step
from vllm_costmeter.core.meter.reading import MeterReading, RequestHistogram

READING = MeterReading(
    price=None,
    tokens={"prompt_computed": 9000, "prompt_cached": 0, "generated": 6000},
    gpu_seconds={},
    usd_per_token={(per, window): 1e-6 for per in ("all", "generated") for window in ("1m", "total")},
    tokens_per_second={
        ("prompt_computed", "1m"): 15.0,
        ("prompt_cached", "1m"): 0.0,
        ("generated", "1m"): 10.0,
        ("prompt_computed", "total"): 15.0,
        ("generated", "total"): 10.0,
    },
    request_usd=RequestHistogram((0, 0), 0.0),
    unattributed_usd=3.0,
)


@pytest.mark.parametrize(
    ("value", "digits", "step"),
    [
        (1e9, None, 1),
        (999_999, 6, 1),
        (1_000_000, 6, 10),
        (1_102_000, 6, 10),
        (98_765_432, 6, 100),
        (1e9, 6, 10_000),
    ],
)
def test_the_step_of_a_rounded_counter(value: float, digits: int | None, step: float) -> None:
    """llama.cpp prints six digits: past a million tokens one more is not seen."""
    assert token_step(value, digits) == step


def test_nothing_is_said_of_single_requests() -> None:
    """Nobody saw them."""
    seen = seen_from_outside(READING, Outside(True, True, 1), 600)
    assert (seen.request_usd, seen.unattributed_usd) == (None, None)
    assert seen.tokens == READING.tokens
    assert (seen.usd_per_token, seen.tokens_per_second) == (READING.usd_per_token, READING.tokens_per_second)


def test_an_undivided_prompt_is_called_one() -> None:
    """TGI: the sum is right, its division unknown."""
    seen = seen_from_outside(READING, Outside(False, True, 1), 600)
    assert seen.tokens == {"prompt": 9000, "generated": 6000}
    assert ("prompt", "1m") in seen.tokens_per_second
    assert ("all", "1m") in seen.usd_per_token


def test_without_the_cached_tokens_there_is_no_price_of_all() -> None:
    """llama.cpp before it counted them: computed ones are right, the total is not known."""
    seen = seen_from_outside(READING, Outside(False, False, 1), 600)
    assert seen.tokens == {"prompt_computed": 9000, "generated": 6000}
    assert {per for per, _ in seen.usd_per_token} == {"generated"}


def test_a_window_with_coarse_counters_is_left_out() -> None:
    """10 tokens of 600 are more than 1 %, of 6000 since the start they are not."""
    seen = seen_from_outside(READING, Outside(True, True, 10), 600)
    assert {window for _, window in seen.tokens_per_second} == {"total"}
    assert {window for _, window in seen.usd_per_token} == {"total"}


def rates(prompt: float, generated: float, window: str = "total") -> MeterReading:
    """So many tokens a second of two kinds, in one window."""
    return replace(
        READING,
        usd_per_token={(per, window): 1e-6 for per in ("all", "generated", "prefill")},
        tokens_per_second={("prompt_computed", window): prompt, ("generated", window): generated},
    )


def test_a_kind_that_is_too_coarse_takes_its_prices_and_no_others() -> None:
    """Generated tokens are known well enough for their price; what needs the prompt's is left out."""
    seen = seen_from_outside(rates(1.0, 100.0), Outside(True, True, 10), 100)
    assert seen.tokens_per_second == {("generated", "total"): 100.0}
    assert seen.usd_per_token == {("generated", "total"): 1e-6}
    seen = seen_from_outside(rates(100.0, 1.0), Outside(True, True, 10), 100)
    assert seen.tokens_per_second == {("prompt_computed", "total"): 100.0}
    assert seen.usd_per_token == {}


@pytest.mark.parametrize(
    ("rate", "window", "elapsed", "step", "shown"),
    [
        (10.0, "total", 100, 10, True),
        (9.99, "total", 100, 10, False),
        (100.0, "5m", 9, 10, False),
        (100.0, "5m", 400, 10, True),
        (3.0, "5m", 4000, 10, False),
        (1.0, "total", 100, 2, False),
        (0.1, "total", 100, 1, True),
    ],
)
def test_one_percent_of_the_windows_tokens_is_exact_enough(
    rate: float, window: str, elapsed: float, step: float, shown: bool
) -> None:
    """Of those since the start while the window is not full; a counter that shows every token is never too coarse."""
    seen = seen_from_outside(rates(rate, rate, window), Outside(True, True, step), elapsed)
    assert bool(seen.tokens_per_second) is shown
