"""The work of a request that ended, from what vLLM says of it."""

from __future__ import annotations

from types import SimpleNamespace

from vllm_costmeter.sources.vllm.finished import aborted_work, finished_work


def test_a_prompt_that_was_never_scheduled_has_no_cached_tokens() -> None:
    """vLLM begins with num_cached_tokens = -1 (v1/request.py, 0.17 to 0.33): the prompt alone is computed."""
    work = finished_work(
        SimpleNamespace(
            num_prompt_tokens=7, num_cached_tokens=-1, num_generation_tokens=0, finish_reason="stop"
        )
    )
    assert (work.prompt_computed_tokens, work.prompt_cached_tokens) == (7, 0)


def test_an_aborted_request_has_no_negative_cached_tokens_either() -> None:
    stats = SimpleNamespace(num_generation_tokens=3)
    state = SimpleNamespace(is_prefilling=False, num_cached_tokens=-1, prompt_len=7, stats=stats)
    work = aborted_work(state)
    assert (work.prompt_computed_tokens, work.prompt_cached_tokens, work.generated_tokens) == (7, 0, 3)


def test_a_prompt_is_what_was_computed_and_what_was_cached() -> None:
    state = SimpleNamespace(
        is_prefilling=False, num_cached_tokens=4, prompt_len=7, stats=SimpleNamespace(num_generation_tokens=1)
    )
    work = aborted_work(state)
    assert (work.prompt_computed_tokens, work.prompt_cached_tokens) == (3, 4)
