"""Ended requests are found again in memory of a fixed size."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.requests.request_lines import id_key, number_key, to_line
from vllm_costmeter.core.requests.settled import SettledRequests

from .test_recent import request


def test_the_last_state_of_a_request_is_found_by_id_and_number() -> None:
    """By each of its names; not by a part of one, nor by what a client wrote into another's."""
    settled = SettledRequests(10_000)
    first = request(7, "cmpl-1-0", "cmpl-1-1", works=2)
    last = first._replace(usd=0.5, charged_sequences=2)
    key = id_key("cmpl-1").decode()
    for each in (request(1), first, last, request(77, key, key[1:], "\x0277\x02", "\ud800")):
        settled.add(each)
    for name in ("cmpl-1", "cmpl-1-0", "cmpl-1-1"):
        assert settled.find(name) == last
    for name in ("cmpl", "", "[", key[2:], "mpl-1"):
        assert settled.find(name) is None
    for name in (key, key[1:], "\ud800"):
        found = settled.find(name)
        assert found is not None
        assert found.number == 77
    assert settled.find_number(7) == last
    assert settled.find_number(2) is None
    assert settled.find_number(78) is None


@pytest.mark.parametrize("lines", [2, 5, 50])
def test_the_last_half_at_least_is_kept(lines: int) -> None:
    """Whatever the room: of requests of one length, as many as fit into a half, and at most twice that."""
    length = len(to_line(request(100)))
    settled = SettledRequests(length * lines)
    for number in range(100, 900):
        settled.add(request(number))
        found = sum(settled.find(f"chatcmpl-{each}") is not None for each in range(100, number + 1))
        assert min(lines, number - 99) <= found <= 2 * lines
        assert settled.find_number(number) == request(number)


def test_a_request_that_is_longer_than_all_there_is_room_for_is_not_kept() -> None:
    """And nothing breaks."""
    settled = SettledRequests(10)
    settled.add(request(1))
    assert settled.find("chatcmpl-1") is None
    assert number_key(1) == b"\x021\x02"
