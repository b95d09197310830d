"""The page shows what the soak measured."""

from __future__ import annotations

import json

import pytest

from scripts.pages.soak import PAGE, RECORD, SECTION, soak

PAIR = {
    "requests": {"chat": 1200, "abort": 34},
    "requests_without_the_plugin": {"chat": 1201, "abort": 33},
    "broken": 0,
    "scrapes": 1000,
    "answers_to_pages": 2000,
    "tokens_ours": [1, 2, 3],
    "tokens_of_vllm": [1, 2, 4],
    "bill_error": -0.00012,
    "unexplained_usd": 0.0,
    "faults": 0,
    "mib_per_hour": {
        "vllm": {"with": 1.5, "without": 1.25},
        "VLLM::EngineCor": {"with": 0.5, "without": 0.5},
        "VLLM::Worker": {"with": 300.0, "without": 310.0},
    },
    "mib_per_hour_added": 0.25,
    "descriptors": {"with": [10, 10], "without": [9, 9]},
    "threads": {"with": [7, 12, 8], "without": [7, 7, 7]},
}


def test_every_figure_stands_beside_the_server_without_the_plugin() -> None:
    """Also one that did not hold: tokens apart, threads that grew."""
    section = soak({"minutes": 90, "on": "2026-11-01", "generates": PAIR})
    for line in (
        "| requests, with (without) the plugin | 1,234 (1,234) |",
        "| tokens computed, cached, generated | 1, 2, 3 |",
        "| the same by vLLM's counters | 1, 2, 4 |",
        "| bill against price x time | -0.0120% |",
        "| MiB per hour of the API server, with (without) | +1.50 (+1.25) |",
        "| MiB per hour that the plugin adds to API server and engine | +0.25 |",
        "| descriptors every ten minutes, with (without) | 10, constant (9, constant) |",
        "| threads every ten minutes, with (without) | 7 to 8, at most 12 (7, constant) |",
    ):
        assert line in section, section


@pytest.mark.skipif(not RECORD.exists(), reason="no soak has been recorded")
def test_the_page_has_what_was_recorded() -> None:
    """A number on the page has no other home."""
    assert SECTION.read(PAGE.read_text()) == soak(json.loads(RECORD.read_text()))
