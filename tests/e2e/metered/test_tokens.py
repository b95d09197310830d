"""Tokens are counted exactly, as the clients' usage and vLLM's own counters say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import client
import pytest
from counts import Counts, counts
from patience import holds_within

from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy

REQUESTS: dict[str, Callable[[str], client.Usage]] = {
    "completion": lambda url: client.complete(url, "once upon a time", max_tokens=20),
    "completion, streamed": lambda url: client.complete(url, "there was a", max_tokens=20, stream=True),
    "chat": lambda url: client.chat(url, "tell me", max_tokens=20),
    "chat, streamed": lambda url: client.chat(url, "tell me more", max_tokens=20, stream=True),
    "one token": lambda url: client.complete(url, "yes or no?", max_tokens=1),
    "two answers": lambda url: client.complete(url, "two of them", max_tokens=20, n=2),
    "three answers, streamed chat": lambda url: client.chat(url, "three", max_tokens=20, n=3, stream=True),
    "several prompts at once": lambda url: client.complete(url, ["first", "the second"], max_tokens=10),  # type: ignore[arg-type]
    "a stop string": lambda url: client.complete(url, "stop early", max_tokens=200, stop=["e", "a", "o"]),
    "a long prompt": lambda url: client.complete(url, "word " * 180, max_tokens=10),
}


def added(url: str, before: tuple[Counts, Counts]) -> tuple[Counts, Counts]:
    """(ours, vLLM's) since `before`."""
    ours, theirs = counts(url)
    return ours.since(before[0]), theirs.since(before[1])


def agreed(url: str) -> tuple[Counts, Counts]:
    """Both counts, once they agree: the meter publishes up to a second after vLLM."""
    holds_within(lambda: len(set(counts(url))) == 1)
    return counts(url)


@pytest.mark.parametrize("ask", REQUESTS.values(), ids=REQUESTS.keys())
def test_usage_and_counters_agree(metered: Server, ask: Callable[[str], client.Usage]) -> None:
    """Generated tokens equal the response's usage, and prompt tokens vLLM's own counters, computed and cached."""
    before = agreed(metered.url)
    usage: dict[str, Any] = ask(metered.url)
    assert holds_within(lambda: added(metered.url, before)[0].generated == usage["completion_tokens"])
    ours, theirs = added(metered.url, before)
    assert ours == theirs


def test_a_prefix_cache_hit_is_counted_as_cached(metered: Server) -> None:
    """The same long prompt twice: the second time most of it is cached, and both parts are vLLM's."""
    prompt = "the very same words again and again " * 10
    client.complete(metered.url, prompt, max_tokens=5)
    before = agreed(metered.url)
    client.complete(metered.url, prompt, max_tokens=5)
    assert holds_within(lambda: added(metered.url, before)[0].generated == 5)
    ours, theirs = added(metered.url, before)
    assert ours == theirs
    assert ours.cached > ours.computed > 0


def test_requests_aborted_midway_count_what_was_generated(metered: Server) -> None:
    """Clients that hang up leave both meters with the same tokens, fewer than asked for."""
    before = agreed(metered.url)
    for number in range(4):
        client.abort_midway(metered.url, f"hang up on this {number}", max_tokens=800)
    assert holds_within(lambda: len(set(added(metered.url, before))) == 1)
    ours, _ = added(metered.url, before)
    assert 12 <= ours.generated < 4 * 800


def test_a_busy_batch_is_counted_exactly(metered: Server) -> None:
    """Two hundred requests in flight together add up to the token."""
    before = agreed(metered.url)
    usages = client.load(metered.url, requests=200, at_once=64, prefix="busy", max_tokens=16)
    generated = sum(usage["completion_tokens"] for usage in usages)
    assert holds_within(lambda: added(metered.url, before)[0].generated == generated)
    ours, theirs = added(metered.url, before)
    assert ours == theirs
