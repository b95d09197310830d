"""A running server tells `recommend` its load and `calibrate` its rates."""

from __future__ import annotations

import pytest
from harness import Serve

from vllm_costmeter.sources.bench_results import live
from vllm_costmeter.sources.load_traces.server import trace_of_server

pytestmark = pytest.mark.heavy


def test_load_tests_of_a_running_server_and_the_load_that_it_then_tells(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a real `vllm bench serve`: all requests are answered at their full length, and counted on the page."""
    monkeypatch.setattr(live, "CONCURRENCIES", (1, 4))
    with serve() as server:
        runs = live.measured_runs(server.url)
        found = trace_of_server(server.url)
    assert [run.concurrency for run in runs] == [1, 4]
    assert [(run.completed, run.failed) for run in runs] == [(5, 0), (20, 0)]
    for run in runs:
        assert run.output_tokens_per_request == live.OUTPUT_TOKENS
        assert run.prompt_tokens_per_request == pytest.approx(live.PROMPT_TOKENS, rel=0.02)
    assert found.requests >= 25  # and those with which the tool looks whether the server answers
    assert found.output_tokens == pytest.approx(live.OUTPUT_TOKENS)
    assert found.prompt_tokens == pytest.approx(live.PROMPT_TOKENS, rel=0.02)
    assert 0 < found.mean_per_second < found.requests / sum(run.seconds or 0 for run in runs)
