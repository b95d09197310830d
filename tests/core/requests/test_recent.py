"""The requests of the last hour are found by their id, charged or not."""

from __future__ import annotations

from typing import Any

import pytest
from measured import alone, traced

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.requests.ended import EndedRequest, ended
from vllm_costmeter.core.requests.recent import (
    GIVEN_UP_AFTER_SECONDS,
    KEPT_SECONDS,
    SETTLED_AFTER_SECONDS,
    RecentRequests,
)

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
    """Clients choose a part of the id; whether the first, both or none still wait for their charge."""
    recent = RecentRequests(most_open=2)
    recent.end(request(1, "cmpl-x"))
    for number in (2, 3, 4, 5):
        recent.end(request(number, "cmpl-x" if number == 2 else f"cmpl-{number}"))
        found = recent.find("cmpl-x", 1000.0)
        assert found is not None
        assert found.number == 2


def test_what_is_kept_is_bounded_in_number_and_time() -> None:
    """Requests that wait, charges of requests that never end, and requests of more than an hour ago."""
    recent = RecentRequests(most_open=10)
    for number in range(1, 101):
        recent.charge(number + 1000, 1.0, 0.0)
        recent.end(request(number, at=1000.0 + number))
    assert recent.open_count == 10
    assert len(recent._charged_early) == 10
    assert len(recent._numbers) == 10
    for number in (1, 50, 95, 100):
        assert recent.find(f"chatcmpl-{number}", 1100.0) == request(number, at=1000.0 + number)
    assert recent.find("chatcmpl-95", 1095.0 + KEPT_SECONDS) is not None
    assert recent.find("chatcmpl-95", 1095.0 + KEPT_SECONDS + 1) is None


def test_a_request_is_open_until_it_is_charged_or_given_up() -> None:
    """It is found all the time; what was charged before and a sequence that ends later are added."""
    recent = RecentRequests()
    recent.end(request(1))
    recent.end(request(2))
    recent.charge(1, 0.25, 1.0)
    recent.close(1000.0 + SETTLED_AFTER_SECONDS)
    assert recent.open_count == 2
    recent.close(1000.0 + SETTLED_AFTER_SECONDS + 1)
    assert recent.open_count == 1
    recent.close(1000.0 + GIVEN_UP_AFTER_SECONDS + 1)
    assert recent.open_count == 0
    assert recent._numbers == {}
    found = recent.find("chatcmpl-1", 1000.0)
    assert found is not None
    assert (found.usd, found.is_settled) == (0.25, True)
    again = recent.end(request(1, works=2, at=1700.0))
    assert (again.usd, again.joules, again.charged_sequences, again.is_settled) == (0.25, 1.0, 1, False)
    settled = recent.charge(1, 0.5, 2.0)
    recent.close(1e9)
    assert settled is not None
    assert recent.find("chatcmpl-1", 1700.0) == settled


def test_a_request_of_one_sequence_is_not_looked_for_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot have ended before, and to search all that is kept takes milliseconds: many requests are long."""
    recent = RecentRequests()
    looked_for: list[int] = []
    monkeypatch.setattr(recent._settled, "find_number", looked_for.append)
    for number, works in ((1, 1), (2, 2)):
        recent.end(request(number, works=works))
    assert looked_for == [2]


def test_a_charge_of_a_request_that_was_given_up_counts_when_it_goes_on() -> None:
    """Nothing of a long one is lost."""
    recent = RecentRequests()
    recent.end(request(1))
    recent.close(1e9)
    assert recent.charge(1, 0.25, 1.0) is None
    recent.charge(1, 0.25, 1.0)
    assert recent.end(request(1, works=2)).usd == 0.5


def test_how_a_request_ended_is_how_its_worst_sequence_did() -> None:
    """One of three was aborted."""
    works = [WORK, WORK._replace(outcome=1), WORK]
    made = ended(1, ["a"], works, ended_unix_seconds=0.0, model="m", tenant="", estimated_usd=None)
    assert made.outcome == "aborted"


def ten_thousand_requests() -> tuple[int, EndedRequest | None]:
    """Bytes by which the second half of them grew what is held, and one of that half, found again."""
    recent = RecentRequests(half_bytes=1 << 20)

    def end(begin: int) -> None:
        for number in range(begin, begin + 5_000):
            recent.end(request(number, f"chatcmpl-{number:032x}", at=1000.0 + number))
            recent.charge(number, 0.25, 1.0)
            recent.close(1000.0 + number)

    end(0)
    held, _ = traced(lambda: end(5_000))
    return held, recent.find(f"chatcmpl-{9_000:032x}", 11_000.0)


def test_the_memory_that_requests_take_is_taken_at_once() -> None:
    """After the first minutes a server with thousands of requests holds what one without any does."""
    held, found = alone(ten_thousand_requests)
    assert held < 20_000
    assert found is not None
    assert found.usd == 0.25
