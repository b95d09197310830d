"""The blocks of a sequence as a function of its length, found by asking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.fit.vllm_counts import BlockNeed
from vllm_costmeter.plugin.exact.block_need import block_need
from vllm_costmeter.plugin.exact.messages import NotAskableError

NEEDS = st.one_of(
    st.builds(BlockNeed, st.integers(1, 8)),
    st.builds(BlockNeed, st.just(0), st.integers(1, 2048)),
    st.builds(BlockNeed, st.integers(0, 1), st.integers(1, 2048), st.integers(1, 200_000)),
)


@given(
    need=NEEDS, maximum=st.integers(1, 1_000_000), lengths=st.lists(st.integers(1, 1_000_000), max_size=20)
)
def test_what_is_found_equals_what_was_asked_at_every_length(
    need: BlockNeed, maximum: int, lengths: list[int]
) -> None:
    """Whatever the shape, no length up to the maximum differs by a block."""
    found = block_need(need.blocks_for, need.block_tokens or 16, maximum)
    for length in [1, maximum, *(length for length in lengths if length <= maximum)]:
        assert found.blocks_for(length) == need.blocks_for(length)


def test_a_law_that_is_not_known_is_refused() -> None:
    """Blocks that grow with the square of the length are nothing we may interpolate."""
    with pytest.raises(NotAskableError, match="no known rule"):
        block_need(lambda length: 1 + (length // 16) ** 2, 16, 4096)
