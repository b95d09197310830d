"""The work of finished requests."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.meter.shares.request_work import RequestWork, WorkSums, summed


@pytest.mark.parametrize(
    ("request_", "kv_token_steps"),
    [
        (RequestWork(10, 5, 0), 0),
        (RequestWork(10, 5, 1), 0),
        (RequestWork(10, 5, 2), 16),
        (RequestWork(10, 5, 4), 16 + 17 + 18),
        (RequestWork(0, 0, 3), 1 + 2),
    ],
)
def test_each_decode_step_reads_the_prompt_and_what_was_generated(
    request_: RequestWork, kv_token_steps: int
) -> None:
    """The first token is prefill's: a request of two has one decode step, which reads the prompt and the first."""
    assert request_.kv_token_steps == kv_token_steps


def test_the_work_of_several_is_the_sum() -> None:
    """Computed and generated tokens and residency; of none, nothing."""
    assert summed([RequestWork(10, 5, 2), RequestWork(1, 0, 3)]) == WorkSums(11, 5, 16 + 5)
    assert summed([]) == WorkSums(0, 0, 0)
    assert WorkSums(1, 2, 3).plus(WorkSums(10, 20, 30)) == (11, 22, 33)
