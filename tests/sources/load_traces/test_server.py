"""The load of a running server, from its page."""

from __future__ import annotations

from pathlib import Path

import pytest
from http_stand_in import serving

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.load_traces.server import trace_of_server

PAGES = Path(__file__).parents[2] / "data" / "engines"


def test_the_load_of_a_running_server_is_read_from_its_histograms() -> None:
    """Mean lengths, the cached share and the rate since its start, on a page that vLLM 0.32 wrote."""
    page = PAGES / "vllm_0.32.0_after.txt"
    found = trace_of_server(str(page), now=lambda: 1_795_845_660.65 + 100)
    assert (found.requests, found.seconds) == (6, pytest.approx(100))
    assert found.mean_per_second == pytest.approx(found.requests / found.seconds)
    assert found.prompt_tokens == pytest.approx(1444 / 6)
    assert 0 < (found.cached_share or 0) < 1
    assert found.longest_tokens >= found.prompt_tokens + found.output_tokens


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vllm_0.32.0_idle.txt", "ended: 0; a rate needs two"),
        ("vllm_0.32.0_load.txt", "ended: 1; a rate needs two"),
        (
            "vllm_0.32.0_two-api-servers_after.txt",
            "give --rate, with --prompt-tokens 241 --output-tokens 402",
        ),
        ("vllm-rust_0.32.0_after.txt", "give --rate, with --prompt-tokens 241 --output-tokens 402"),
        ("sglang_0.5.21_after.txt", "no tokens of a vLLM server"),
    ],
)
def test_a_server_that_tells_no_rate_is_refused(name: str, said: str) -> None:
    """Before two requests have ended, and where several API servers hide the start: then with the lengths."""
    with pytest.raises(BadInputError, match=said):
        trace_of_server(str(PAGES / name), now=lambda: 2e9)


def test_the_address_of_a_server_is_enough() -> None:
    """Its page is at /metrics, over HTTP as from a file."""
    page = PAGES / "vllm_0.32.0_after.txt"
    known = trace_of_server(str(page), now=lambda: 2e9)
    with serving(page.read_text(), path="/metrics") as url:
        for path in ("", "/", "/metrics"):
            assert trace_of_server(url + path, now=lambda: 2e9) == known
