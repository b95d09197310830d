"""What the CUDA allocator keeps for a tensor."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vllm_costmeter.core.model.tensors import held_bytes

MIB = 1 << 20


@pytest.mark.parametrize(
    ("tensor", "held"),
    [(0, 0), (1, 512), (3 * MIB, 3 * MIB), (259 * MIB, 260 * MIB), (49 * MIB // 2, 49 * MIB // 2)],
)
def test_a_rest_of_up_to_one_mebibyte_stays_with_its_tensor(tensor: int, held: int) -> None:
    """Qwen2.5-7B's gate and up projection of 259 MiB keeps 260; a larger rest is split off for others."""
    assert held_bytes(tensor) == held


@given(st.integers(0, 1 << 42))
@example(13 * MIB - 511)  # blocks of 13 MiB in a segment of 14
def test_a_tensor_keeps_itself_and_at_most_a_mebibyte_more(tensor: int) -> None:
    """Never less than its bytes, never more than one MiB above the blocks of 512 bytes that hold them."""
    blocks = -(-tensor // 512) * 512
    assert tensor <= held_bytes(tensor) <= blocks + MIB
