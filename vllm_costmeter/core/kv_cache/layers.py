"""One KV cache layer on one rank: its page, its block, and the number of blocks for a sequence of a given length.

Mirrors the specs of vLLM's `v1/kv_cache_interface.py` (read in 0.17 to 0.32).
"""

from __future__ import annotations

from enum import Enum

from vllm_costmeter.core.dataclass import dataclass


class KVKind(Enum):
    """The cache types that vLLM's block manager distinguishes; the value is vLLM's own name of the spec."""

    FULL = "FullAttentionSpec"
    SINK = "SinkFullAttentionSpec"
    MLA = "MLAAttentionSpec"
    SLIDING = "SlidingWindowSpec"
    SLIDING_MLA = "SlidingWindowMLASpec"
    CHUNKED = "ChunkedLocalAttentionSpec"
    CROSS = "CrossAttentionSpec"
    RING = "CircularBufferSpec"
    MAMBA = "MambaSpec"


FULL_LENGTH_KINDS = frozenset({KVKind.FULL, KVKind.SINK, KVKind.MLA})
"""Kinds that cache every token of the sequence; vLLM treats them as one type (`FullAttentionSpec` and subclasses)."""
SLIDING_KINDS = frozenset({KVKind.SLIDING, KVKind.SLIDING_MLA})


@dataclass(frozen=True, slots=True)
class SequenceLimits:
    """Limits on the tokens of one sequence in a windowed, sharded or encoder cache."""

    in_flight_tokens: int
    """Tokens scheduled but not yet completed: blocks outside the window are freed only after them."""
    encoder_tokens: int = 0
    """Tokens of encoder output for which cross attention reserves memory: the batch, not the encoder's own length
    (`max_num_encoder_input_tokens` of `config/scheduler.py`, vLLM 0.17 to 0.32)."""
    retained_tokens: int = 0
    """Tokens below a sliding window that drafting reads again."""
    context_shards: int = 1
    """Decode-context-parallel ranks over which a sequence's tokens are distributed."""


@dataclass(frozen=True, slots=True)
class KVLayer:
    """One cache of one model layer on one rank. Two equal values share a block layout."""

    kind: KVKind
    block_tokens: int
    row_bytes: int
    """Bytes of one stored state over all heads of this rank; the whole state for a recurrent layer."""
    shape: tuple[int, ...] = ()
    """Heads and head sizes: layers with equal bytes but different shapes do not share a block layout."""
    tokens_per_row: int = 1
    padded_page_bytes: int | None = None
    window_tokens: int | None = None
    """The sliding window, or the chunk of chunked local attention."""
    stride_bytes: int = 1
    """What the bytes of a block over all layers are a multiple of, where they are stored together."""
    state_blocks: int = 0
    """Blocks of a recurrent layer per sequence, independent of its length."""
    state_per_block: bool = False
    """Whether a recurrent layer additionally stores a state for every block of the sequence."""

    @property
    def unpadded_page_bytes(self) -> int:
        if self.kind is KVKind.MAMBA:
            return self.row_bytes
        return self.block_tokens // self.tokens_per_row * self.row_bytes

    @property
    def page_bytes(self) -> int:
        """Bytes of one block of this layer."""
        return self.unpadded_page_bytes if self.padded_page_bytes is None else self.padded_page_bytes

    def blocks_for(self, length_tokens: int, limits: SequenceLimits) -> int:
        """Maximum number of blocks of one sequence of `length_tokens` in this layer: `max_memory_usage_bytes` of vLLM's
        spec divided by its page. Never decreases with the length."""
        match self.kind:
            case KVKind.FULL | KVKind.SINK | KVKind.MLA:
                return _blocks(_blocks(length_tokens, limits.context_shards), self.block_tokens)
            case KVKind.SLIDING | KVKind.SLIDING_MLA:
                reach = (self.window_tokens or 1) - 1 + limits.retained_tokens + limits.in_flight_tokens
                return _blocks(min(reach, length_tokens), self.block_tokens) + 1
            case KVKind.CHUNKED:
                reach = (self.window_tokens or 0) + limits.in_flight_tokens
                return _blocks(min(reach, length_tokens), self.block_tokens)
            case KVKind.CROSS:
                return _blocks(limits.encoder_tokens, self.block_tokens)
            case KVKind.RING:
                return 1
            case KVKind.MAMBA:
                kept = _blocks(length_tokens, self.block_tokens) if self.state_per_block else 0
                return kept + self.state_blocks


CountedLayers = tuple[tuple[KVLayer, int], ...]
"""The caches of one pipeline rank: each distinct layer and its count, in order of appearance."""


def _blocks(tokens: int, block_tokens: int) -> int:
    return -(-tokens // block_tokens)
