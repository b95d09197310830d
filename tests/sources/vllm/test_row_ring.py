"""A ring of rows hands over what was written, in order, until the writer laps the reader."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.sources.vllm.row_ring import RowRing


@given(st.lists(st.one_of(st.integers(1, 12), st.just(0).map(lambda _: -3))), st.integers(1, 8))
def test_taking_is_a_bounded_queue(writes_and_takes: list[int], rows: int) -> None:
    """Whatever the order of writing and taking: oldest first, each row once, and only the oldest are ever lost."""
    ring, queue, number = RowRing("qd", rows), deque[tuple[int, float]](maxlen=rows), 0
    for action in writes_and_takes:
        for _ in range(action):
            number += 1
            ring.append(number, number / 2)
            queue.append((number, number / 2))
        if action < 0:
            assert ring.take(-action) == [queue.popleft() for _ in range(min(-action, len(queue)))]
        assert len(ring) == len(queue)


def test_the_newest_rows_can_be_looked_at_without_taking() -> None:
    """`since` goes back to a first value, or as far as the ring remembers."""
    ring = RowRing("dq", 4)
    for number in range(10):
        ring.append(float(number), number)
    assert ring.since(8.0) == [(8.0, 8), (9.0, 9)]
    assert [row[1] for row in ring.since(0.0)] == [6, 7, 8, 9]
    assert ring.since(99.0) == []
    assert len(ring) == 4


def test_a_value_that_is_no_number_is_refused_and_leaves_no_row() -> None:
    """A row that cannot be written does not become a row of zeros."""
    ring = RowRing("q", 4)
    with pytest.raises(Exception, match="integer"):
        ring.append("three")  # type: ignore[arg-type]
    assert len(ring) == 0
