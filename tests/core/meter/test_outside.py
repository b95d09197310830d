"""What is published of a server that is only seen from outside."""

from __future__ import annotations

import pytest

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
    [(1e9, None, 1), (999_999, 6, 1), (1_102_000, 6, 10), (98_765_432, 6, 100), (1e9, 6, 10_000)],
)
def test_the_step_of_a_rounded_counter(value: float, digits: int | None, step: float) -> None:
    """llama.cpp prints six digits: past a million tokens one more is not seen."""
    assert token_step(value, digits) == step


def test_nothing_is_said_of_single_requests() -> None:
    """Nobody saw them."""
    seen = seen_from_outside(READING, Outside(True, True, 1), 600)
    assert (seen.request_usd, seen.unattributed_usd) == (None, None)
    assert seen.tokens == READING.tokens


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
