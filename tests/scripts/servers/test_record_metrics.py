"""The recorded pages of real engines, and what the recorder leaves out of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families

from scripts.servers.record_metrics import DATA, split_at_dashes, without_middle_buckets
from scripts.servers.scrape import Scrape, parse

COUNTERS = {
    "vllm": ("vllm:prompt_tokens_total", "vllm:generation_tokens_total"),
    "sglang": ("sglang:prompt_tokens_total", "sglang:generation_tokens_total"),
}
PAGES = [
    (file, *names)
    for engine, names in COUNTERS.items()
    for file in sorted(DATA.glob(f"{engine}*_after.txt"))
    if "ray-serve" not in file.name  # other requests
]
PROMPT_TOKENS, GENERATED_TOKENS = 1444, 2410  # of the six requests that every recording has sent


def page(file: Path) -> Scrape:
    """A recorded page without the line that is ours."""
    return parse(file.read_text().partition("\n")[2])


@pytest.mark.parametrize(
    ("file", "prompt", "generated"), PAGES, ids=[file.stem.removesuffix("_after") for file, *_ in PAGES]
)
def test_every_release_and_front_end_counts_the_same_requests_alike(
    file: Path, prompt: str, generated: str
) -> None:
    assert page(file).value(prompt) == PROMPT_TOKENS
    assert page(file).value(generated) == GENERATED_TOKENS


@pytest.mark.parametrize("file", sorted(DATA.glob("vllm-rust_*_after.txt")), ids=lambda file: file.stem)
def test_the_rust_front_end_serves_openmetrics_without_being_asked(file: Path) -> None:
    ours, _, text = file.read_text().partition("\n")
    assert "application/openmetrics-text" in ours
    assert "vllm:prompt_tokens" in {family.name for family in openmetrics_families(text)}


@pytest.mark.parametrize("file", sorted(DATA.glob("llama.cpp_2026*_load.txt")), ids=lambda file: file.stem)
def test_llama_cpp_counts_the_tokens_of_a_request_when_it_ends(file: Path) -> None:
    under_load = page(file)
    assert under_load.value("llamacpp:requests_processing") == 2
    counted = under_load.value("llamacpp:tokens_predicted_total")
    assert counted is not None
    assert (counted - 5) % 600 == 0  # the first request's five, and whole requests of 600


def test_of_each_series_the_first_and_the_last_bucket_are_kept() -> None:
    text = "".join(
        f'wait_bucket{{le="{bound}",engine="{engine}"}} 1\n'
        for engine in "01"
        for bound in ("0.1", "0.5", "+Inf")
    )
    assert without_middle_buckets(f"{text}wait_sum 1\n") == (
        'wait_bucket{le="0.1",engine="0"} 1\nwait_bucket{le="+Inf",engine="0"} 1\n'
        'wait_bucket{le="0.1",engine="1"} 1\nwait_bucket{le="+Inf",engine="1"} 1\nwait_sum 1\n'
    )


def test_what_stands_behind_the_dashes_goes_to_the_server() -> None:
    assert split_at_dashes(["vllm", "--", "--api-server-count", "2"]) == (
        ["vllm"],
        ["--api-server-count", "2"],
    )
    assert split_at_dashes(["vllm"]) == (["vllm"], [])
