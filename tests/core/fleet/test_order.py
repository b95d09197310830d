"""Which servers are shown, and in which order."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.fleet.order import KEYS, NUMBERS, matching, ordered
from vllm_costmeter.core.fleet.reading import ServerReading, ServerRow


def row(server: str, **reading: float | tuple[str, ...] | None) -> ServerRow:
    """A server that answered."""
    return ServerRow(server, ServerReading(**reading), None)  # type: ignore[arg-type]


DOWN = ServerRow("down:1", None, "down:1: cannot be reached")
BUSY = row("b:1", model_names=("qwen",), tokens_per_second=90.0, usd_per_hour=2.0, active_engines=1)
QUIET = row("a:1", model_names=("llama",), tokens_per_second=0.0, usd_per_hour=4.0, active_engines=0)


def servers(rows: list[ServerRow]) -> list[str]:
    """Their names."""
    return [each.server for each in rows]


EVERYTHING = row(
    "all:1",
    tokens_per_second=1.0,
    usd_per_hour=1.0,
    usd_per_million=1.0,
    kv_cache_usage_ratio=0.0,
    total_usd=1.0,
    idle_usd=0.0,
    joules=1.0,
    tokens_since_start=1.0,
)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("key", NUMBERS)
def test_what_is_not_known_comes_last(key: str, backwards: bool) -> None:
    """Whichever way round."""
    rows = [DOWN, row("silent:1"), EVERYTHING]
    assert servers(ordered(rows, key, backwards)) == ["all:1", "down:1", "silent:1"]


def test_the_largest_numbers_come_first() -> None:
    """Reversed, the smallest; 0 is a number."""
    rows = [QUIET, DOWN, BUSY]
    assert servers(ordered(rows, "tokens")) == ["b:1", "a:1", "down:1"]
    assert servers(ordered(rows, "usd-per-hour")) == ["a:1", "b:1", "down:1"]
    assert servers(ordered(rows, "tokens", backwards=True)) == ["a:1", "b:1", "down:1"]


def test_texts_go_from_a_on_and_the_given_order_is_kept() -> None:
    """So does a server that is down: it has a name."""
    rows = [DOWN, BUSY, QUIET]
    assert servers(ordered(rows, "server")) == ["a:1", "b:1", "down:1"]
    assert servers(ordered(rows, "given")) == ["down:1", "b:1", "a:1"]
    assert servers(ordered(rows, "given", backwards=True)) == ["a:1", "b:1", "down:1"]


@pytest.mark.parametrize("key", KEYS)
def test_no_order_loses_a_server(key: str) -> None:
    """Whatever they are sorted by."""
    assert sorted(servers(ordered([DOWN, BUSY, QUIET], key))) == ["a:1", "b:1", "down:1"]


@pytest.mark.parametrize(
    ("text", "found"),
    [("QWEN", ["b:1"]), ("idle", ["a:1"]), ("down", ["down:1"]), ("b:", ["b:1"]), ("", 3), ("no such", [])],
)
def test_a_filter_looks_at_server_model_and_state(text: str, found: list[str] | int) -> None:
    """In any case of letters."""
    names = servers(matching([DOWN, BUSY, QUIET], text))
    assert names == found if isinstance(found, list) else len(names) == found
