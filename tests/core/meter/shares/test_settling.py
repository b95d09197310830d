"""Requests that wait until their time is charged."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.meter.shares.settling import Settling


@pytest.mark.parametrize(
    ("now", "charged_until", "taken"),
    [
        (103.0, 99.5, 0),
        (103.0, 100.0, 1),
        (109.5, 0.0, 0),
        (110.0, 0.0, 1),
        (103.0, 102.0, 2),
        (112.0, 0.0, 2),
    ],
)
def test_a_request_waits_for_its_time_and_at_most_ten_seconds(
    now: float, charged_until: float, taken: int
) -> None:
    """Of two that ended at 100 and 102 s."""
    settling, requests = Settling(), [RequestWork(1, 0, 1), RequestWork(2, 0, 2)]
    settling.add(100.0, requests[:1])
    settling.add(102.0, requests[1:])
    assert settling.take(now, charged_until) == requests[:taken]
    assert len(settling) == 2 - taken


def test_at_most_16384_wait() -> None:
    """The oldest are charged at once, so that memory stays bounded."""
    settling = Settling()
    settling.add(1.0, (RequestWork(number, 0, 0) for number in range(16_386)))
    assert [request.prompt_computed_tokens for request in settling.take(1.0, 0.0)] == [0, 1]
    assert len(settling) == 16_384
