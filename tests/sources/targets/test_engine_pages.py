"""What only other routes of an engine tell."""

from __future__ import annotations

import pytest
from engine_stand_in import engine, recorded

from vllm_costmeter.sources.targets.engine_pages import EnginePages
from vllm_costmeter.sources.targets.http_page import HttpPages, PageError

LLAMA = recorded("llama.cpp_2026.10.11549_load")


def test_llama_cpp_names_its_model_at_v1_models_and_its_sleep_at_props() -> None:
    """Asked for once, and before every look."""
    with engine() as target:
        target.page = LLAMA
        target.pages = {"/v1/models": '{"data": [{"id": "qwen3-8b"}]}', "/props": '{"is_sleeping": false}'}
        pages = EnginePages(HttpPages(target.url), target.url)
        assert pages.sample().model_name == "qwen3-8b"
        assert pages.sample().engines[0].asleep is False
        assert target.asked.count("/v1/models") == 1


def test_a_sleeping_llama_cpp_is_not_woken() -> None:
    """Its counts stand, nothing runs, and its metrics are not asked for."""
    with engine() as target:
        target.page = LLAMA
        target.pages = {"/v1/models": '{"data": [{"id": "q"}]}', "/props": '{"is_sleeping": true}'}
        pages = EnginePages(HttpPages(target.url), target.url)
        awake = pages.sample()
        asleep = pages.sample()
        assert target.asked.count("/metrics") == 1
        assert asleep.engines[0].asleep is True
        assert asleep.engines[0].running_requests == 0
        assert asleep.engines[0].generated_tokens == awake.engines[0].generated_tokens


@pytest.mark.parametrize("broken", ["<html>", "[]", '{"data": {}}', '{"data": [1]}', "[" * 100_000])
def test_routes_that_answer_something_else_cost_only_the_name(broken: str) -> None:
    """The tokens are read all the same."""
    with engine() as target:
        target.page = LLAMA
        target.pages = {"/v1/models": broken, "/props": broken}
        pages = EnginePages(HttpPages(target.url), target.url)
        pages.sample()
        found = pages.sample()
        assert (found.model_name, found.engines[0].asleep, found.engines[0].generated_tokens) == (
            None,
            None,
            1205,
        )


def test_tgi_names_its_model_at_info() -> None:
    """Its page does not."""
    with engine() as target:
        target.page = recorded("tgi_3.3.7_written")
        target.pages = {"/info": '{"model_id": "org/model"}'}
        assert EnginePages(HttpPages(target.url), target.url).sample().model_name == "org/model"


def test_a_page_of_no_engine_is_an_error_with_a_keyword() -> None:
    """The keyword is a metric's label, the line is for people."""
    with engine() as target:
        target.page = "up 1\n"
        with pytest.raises(PageError, match="none of the known engines") as caught:
            EnginePages(HttpPages(target.url), target.url).sample()
    assert caught.value.reason == "not_an_engine"


def test_an_engine_that_has_just_started_is_not_taken_for_something_else() -> None:
    """SGLang's page has no counters for a moment: that passes, so the exporter waits."""
    with engine() as target:
        target.page = 'sglang:startup_time_seconds{phase="load_weight"} 0.5\n'
        with pytest.raises(PageError, match="its counters appear") as caught:
            EnginePages(HttpPages(target.url), target.url).sample()
    assert caught.value.reason == "no_counters"
