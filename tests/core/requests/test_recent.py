"""The requests of the last hour are found by their id, charged or not."""

from __future__ import annotations

from typing import Any

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.requests.ended import EndedRequest, ended
from vllm_costmeter.core.requests.recent import KEPT_SECONDS, RecentRequests

WORK = RequestWork(10, 4, 7)


def request(number: int, *ids: str, works: int = 1, at: float = 1000.0, **given: Any) -> EndedRequest:
    """One that ended."""
    named = {"model": "m", "tenant": "", "estimated_usd": 0.5} | given
    return ended(number, ids or (f"chatcmpl-{number}",), [WORK] * works, ended_unix_seconds=at, **named)


def test_a_request_is_settled_when_each_sequence_is_charged() -> None:
    """Before it ends or after, in any order; amounts add up."""
    recent = RecentRequests()
    assert recent.charge(1, 0.25, 2.0) is None
    assert not recent.end(request(1, works=2)).is_settled
    settled = recent.charge(1, 0.5, 3.0)
    assert settled is not None
    assert (settled.usd, settled.joules, settled.is_settled) == (0.75, 5.0, True)
    assert recent.find("chatcmpl-1", 1000.0) == settled
    assert (settled.prompt_computed_tokens, settled.prompt_cached_tokens, settled.generated_tokens) == (
        20,
        8,
        14,
    )


def test_the_id_of_an_answer_finds_a_request_of_several_prompts() -> None:
    """`cmpl-1` of `cmpl-1-0` and `cmpl-1-1`, which find it too; an id that only ends so is no prompt's."""
    recent = RecentRequests()
    recent.end(request(1, "cmpl-1-0", "cmpl-1-1", works=2))
    recent.end(request(2, "chatcmpl-7-1"))
    recent.end(request(3, "resp_1_0", "resp_1_1", works=2))
    names = {"cmpl-1": 1, "cmpl-1-0": 1, "cmpl-1-1": 1, "resp_1": 3, "resp_1_1": 3}
    for name, number in names.items():
        found = recent.find(name, 1000.0)
        assert found is not None
        assert found.number == number
    assert recent.find("chatcmpl-7", 1000.0) is None
    assert recent.find("cmpl", 1000.0) is None


def test_a_request_with_the_id_of_another_is_the_one_that_is_found() -> None:
    """Clients choose a part of the id; when the first is forgotten, the second still is found."""
    recent = RecentRequests(most=2)
    recent.end(request(1, "cmpl-x"))
    recent.end(request(2, "cmpl-x"))
    recent.end(request(3))
    found = recent.find("cmpl-x", 1000.0)
    assert found is not None
    assert found.number == 2


def test_what_is_kept_is_bounded_in_number_and_time() -> None:
    """Requests, and charges of requests that never end."""
    recent = RecentRequests(most=10)
    for number in range(1, 101):
        recent.charge(number + 1000, 1.0, 0.0)
        recent.end(request(number, at=1000.0 + number))
    assert len(recent) == 10
    assert len(recent._charged_early) == 10
    assert len(recent._numbers) == 10
    assert recent.find("chatcmpl-95", 1095.0 + KEPT_SECONDS + 1) is None
    recent.forget(1095.0 + KEPT_SECONDS)
    assert len(recent) == 6
    recent.forget(1e9)
    assert (len(recent), recent._numbers) == (0, {})


def test_a_sequence_that_ends_late_is_part_of_its_request() -> None:
    """Of an aborted request: what was charged before stays."""
    recent = RecentRequests()
    recent.end(request(1))
    recent.charge(1, 0.25, 1.0)
    again = recent.end(request(1, works=2))
    assert (again.usd, again.charged_sequences, again.is_settled) == (0.25, 1, False)
    assert len(recent) == 1


def test_how_a_request_ended_is_how_its_worst_sequence_did() -> None:
    """One of three was aborted."""
    works = [WORK, WORK._replace(outcome=1), WORK]
    made = ended(1, ["a"], works, ended_unix_seconds=0.0, model="m", tenant="", estimated_usd=None)
    assert made.outcome == "aborted"
