"""What the installed vLLM itself answered about one deployment: its weights and its KV cache, as values.

The fit check takes these in place of our own tables. They hold for one model, parallel layout and set of flags; the
pool and the length may vary freely, because the blocks a sequence takes are kept as a function of its length.
"""

from __future__ import annotations

from dataclasses import dataclass

from vllm_costmeter.core.kv_cache.groups import KVGroups
from vllm_costmeter.core.kv_cache.layers import KVKind, KVLayer, SequenceLimits
from vllm_costmeter.core.kv_cache.planner import KVCache
from vllm_costmeter.core.kv_cache.rules import KVRules


@dataclass(frozen=True, slots=True)
class BlockNeed:
    """Blocks that one sequence takes from the pool for one group of layers:
    `fixed_blocks + ceil(min(length, reach_tokens) / block_tokens)`, or `fixed_blocks` alone where `block_tokens` is 0.
    """

    fixed_blocks: int
    block_tokens: int = 0
    """Tokens per further block, over all context-parallel ranks; 0: the length does not matter (recurrent states)."""
    reach_tokens: int | None = None
    """The length past which no more blocks are taken (a window); None: none."""

    def blocks_for(self, length_tokens: int) -> int:
        if not self.block_tokens:
            return self.fixed_blocks
        within = length_tokens if self.reach_tokens is None else min(length_tokens, self.reach_tokens)
        return self.fixed_blocks - (-within // self.block_tokens)

    def as_layer(self) -> KVLayer:
        """A cache layer of our own tables that takes the same blocks (with no tokens in flight)."""
        if not self.block_tokens:
            return KVLayer(KVKind.MAMBA, block_tokens=1, row_bytes=0, state_blocks=self.fixed_blocks)
        if self.reach_tokens is None and not self.fixed_blocks:
            return KVLayer(KVKind.FULL, self.block_tokens, row_bytes=0)
        if self.reach_tokens is not None and self.fixed_blocks == 0:
            return KVLayer(KVKind.CHUNKED, self.block_tokens, row_bytes=0, window_tokens=self.reach_tokens)
        if self.reach_tokens is not None and self.fixed_blocks == 1:
            return KVLayer(
                KVKind.SLIDING, self.block_tokens, row_bytes=0, window_tokens=self.reach_tokens + 1
            )
        raise ValueError(f"no layer takes blocks like {self}")


@dataclass(frozen=True, slots=True)
class ExactLayer:
    """Layers of one kind on one pipeline rank, by vLLM's own name for it."""

    kind: str
    page_bytes: int
    block_tokens: int
    count: int


@dataclass(frozen=True, slots=True)
class ExactFacts:
    """One deployment as the installed vLLM counts it. Tuples have one entry per pipeline rank."""

    vllm_version: str
    weights_bytes: tuple[int, ...]
    """Parameters and buffers of vLLM's own model, each once."""
    converted_bytes: tuple[int, ...]
    """What vLLM adds while it converts loaded weights (the absorbed projections of MLA)."""
    layers: tuple[tuple[ExactLayer, ...], ...]
    bytes_per_block: tuple[int, ...]
    groups: tuple[BlockNeed, ...]
    """One entry per group of layers that share block tables."""

    def kv_cache(self, rules: KVRules) -> KVCache:
        """The KV cache as the fit check uses it; `rules` are those of `vllm_version`."""
        blocks = tuple((need.as_layer(), 1) for need in self.groups)
        empty = tuple(() for _ in self.bytes_per_block)
        return KVCache(empty, KVGroups(blocks, self.bytes_per_block), SequenceLimits(0), rules)
