"""Blocks by length as a value: derived from vLLM at a few lengths, then verified against it at many more."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vllm_costmeter.core.fit.vllm_counts import BlockNeed
from vllm_costmeter.plugin.exact.messages import NotAskableError

CHECKED_LENGTHS = 200


def block_need(blocks_at: Callable[[int], int], block_tokens: int, maximum: int) -> BlockNeed:
    """The BlockNeed that equals `blocks_at`, which never decreases with the length, for lengths of 1 to `maximum`
    tokens.

    Raises NotAskableError if none does: then nothing is known about other lengths.
    """
    need = _candidate(blocks_at, block_tokens, maximum)
    wrong = [
        length for length in _lengths(block_tokens, maximum) if need.blocks_for(length) != blocks_at(length)
    ]
    if wrong:
        raise NotAskableError(f"the number of blocks for {wrong[0]} tokens follows no known rule")
    return need


def _candidate(blocks_at: Callable[[int], int], block_tokens: int, maximum: int) -> BlockNeed:
    least, most = blocks_at(1), blocks_at(maximum)
    if least == most and (maximum <= block_tokens or blocks_at(block_tokens + 1) == least):
        return BlockNeed(least)
    fixed = least - 1
    if fixed == 0 and most == -(-maximum // block_tokens):
        return BlockNeed(0, block_tokens)
    low, high = 1, maximum  # the first length that takes the most blocks
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if blocks_at(middle) == most else (middle + 1, high)
    return BlockNeed(fixed, block_tokens, low)


def _lengths(block_tokens: int, maximum: int) -> Iterable[int]:
    """Both sides of block edges spread over the whole range, and its ends."""
    edges = max(maximum // block_tokens, 1)
    step = max(edges * 3 // CHECKED_LENGTHS, 1)
    for edge in range(0, edges + 1, step):
        for length in (edge * block_tokens, edge * block_tokens + 1, edge * block_tokens + block_tokens // 2):
            if 1 <= length <= maximum:
                yield length
    yield maximum
