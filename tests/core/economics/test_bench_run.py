"""What one run of a load test says."""

from __future__ import annotations

from typing import Any

import pytest

from vllm_costmeter.core.economics.bench_run import BenchRun
from vllm_costmeter.core.errors import BadInputError


def run(**more: Any) -> BenchRun:
    """100 generated tokens and 300 of all kinds a second, in 10 requests."""
    known: dict[str, Any] = {
        "place": "a.json",
        "tool": "tool",
        "load": "A",
        "total_tokens_per_second": 300.0,
        "generated_tokens_per_second": 100.0,
        "requests_per_second": 10.0,
    }
    return BenchRun(**(known | more))


def test_a_price_is_of_generated_tokens_or_of_all() -> None:
    assert (run().tokens_per_second("generated"), run().tokens_per_second("all")) == (100.0, 300.0)


def test_a_pooling_model_has_a_price_of_all_tokens_alone() -> None:
    """One line says which flag helps."""
    pooling = run(generated_tokens_per_second=None)
    assert pooling.tokens_per_second("all") == 300.0
    with pytest.raises(BadInputError, match=r"a\.json generated no tokens.*--per all"):
        pooling.tokens_per_second("generated")


@pytest.mark.parametrize(
    ("counts", "share"),
    [
        ({}, 0.0),
        ({"completed": 5}, 0.0),
        ({"completed": 3, "failed": 1}, 0.25),
        ({"failed": 1}, 1.0),
    ],
)
def test_the_failed_share_is_of_all_requests(counts: dict[str, int], share: float) -> None:
    """A file that counts none has no failed ones."""
    assert run(**counts).failed_share == share


@pytest.mark.parametrize(
    ("offered", "answered", "keeps_up"),
    [(100.0, 99.0, True), (100.0, 90.0, True), (100.0, 89.9, False), (None, 99.0, False)],
)
def test_a_server_keeps_up_from_nine_tenths_of_the_rate_offered(
    offered: float | None, answered: float, keeps_up: bool
) -> None:
    """The last requests are still being answered when a run ends. As fast as the server answers is no rate."""
    assert run(offered_requests_per_second=offered, requests_per_second=answered).keeps_up is keeps_up
