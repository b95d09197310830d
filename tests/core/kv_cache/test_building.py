"""What a pipeline rank without attention stores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from vllm_costmeter.core.kv_cache.building import CacheFormat, without_attention

HYBRID = CacheFormat("bfloat16", "auto", 528, 1, cast(Any, None), state_page_bytes=2_162_688)


def test_states_without_attention_keep_their_own_size_where_vllm_aligns_each_rank() -> None:
    """Nothing on that rank enlarges the block, and nothing pads the page."""
    found = without_attention(replace(HYBRID, lone_state_block_tokens=16))
    assert (found.block_tokens, found.state_page_bytes) == (16, None)


def test_a_release_that_aligns_all_ranks_alike_pads_them_too() -> None:
    """The format of the other ranks holds there."""
    assert without_attention(HYBRID) == HYBRID
