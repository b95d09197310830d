"""The installed vLLM's own counts for one deployment: its weights and its KV cache, as values.

A model carrying these counts uses them where they apply and our tables elsewhere. The pool and the context
length may vary freely, because the blocks of a sequence are stored as a function of its length.
"""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.kv_cache.groups import KVGroups
from vllm_costmeter.core.kv_cache.layers import KVKind, KVLayer, SequenceLimits
from vllm_costmeter.core.kv_cache.planner import KVCache
from vllm_costmeter.core.kv_cache.rules import KVRules
from vllm_costmeter.core.model.checkpoint_weights import ModelWeights
from vllm_costmeter.core.quantization.scheme import KernelTarget
from vllm_costmeter.core.release import Release, release_of_build


@dataclass(frozen=True, slots=True)
class BlockNeed:
    """Blocks that one sequence needs from the pool for one group of layers: `fixed_blocks + ceil(min(length,
    reach_tokens) / block_tokens)`, or `fixed_blocks` alone if `block_tokens` is 0.
    """

    fixed_blocks: int
    block_tokens: int = 0
    """Tokens per additional block, over all context-parallel ranks; 0: the length has no effect (states)."""
    reach_tokens: int | None = None
    """Length beyond which no more blocks are needed (a window); None: no limit."""

    def blocks_for(self, length_tokens: int) -> int:
        if not self.block_tokens:
            return self.fixed_blocks
        within = length_tokens if self.reach_tokens is None else min(length_tokens, self.reach_tokens)
        return self.fixed_blocks - (-within // self.block_tokens)

    def as_layer(self, state_tokens: int = 1) -> KVLayer:
        """A cache layer of our tables that needs the same blocks (with no tokens in flight).

        `state_tokens` are the tokens of a block that no length adds to: releases before 0.21 log the cache's tokens as
        blocks of the smallest group.
        ValueError if there is none: vLLM combines growing blocks with fixed ones only for windows, with one.
        """
        if not self.block_tokens:
            return KVLayer(KVKind.MAMBA, state_tokens, row_bytes=0, state_blocks=self.fixed_blocks)
        if self.reach_tokens is None and self.fixed_blocks == 0:
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
    """Layers of one kind, under vLLM's name for it, on one pipeline rank."""

    kind: str
    page_bytes: int
    block_tokens: int
    count: int


@dataclass(frozen=True, slots=True)
class ExactCounts:
    """One deployment as counted by the installed vLLM. Tuples have one entry per pipeline rank."""

    vllm_version: str
    weights_bytes: tuple[int, ...]
    """Parameters and buffers of vLLM's model, each counted once; the last rank includes the drafter's."""
    converted_bytes: tuple[int, ...]
    """Bytes that vLLM adds when it converts loaded weights (the absorbed projections of MLA)."""
    layers: tuple[tuple[ExactLayer, ...], ...]
    bytes_per_block: tuple[int, ...]
    groups: tuple[BlockNeed, ...]
    """One entry per group of layers that share block tables."""
    max_num_batched_tokens: int
    """The batch size that vLLM used to count windows."""


@dataclass(frozen=True, slots=True)
class ExactFacts:
    """The counts, and the deployment they belong to."""

    counts: ExactCounts
    engine_args: EngineArgs
    compute_capability: tuple[int, int] | None

    def holds_in(self, release: Release) -> bool:
        """Whether the vLLM that counted is of this release."""
        return release_of_build(self.counts.vllm_version).number == release.number

    def holds_for(self, engine_args: EngineArgs) -> bool:
        """Whether `engine_args` give the weights and KV layout that were counted."""
        return _counted(engine_args) == _counted(self.engine_args)

    def holds_on(
        self, engine_args: EngineArgs, compute_capability: tuple[int, int] | None, batched_tokens: int
    ) -> bool:
        """Whether the counts apply to the KV cache on a GPU.

        Attention backends depend on the GPU, windows on the batch; a smaller batch never needs more.
        """
        same_gpu = compute_capability == self.compute_capability
        return (
            self.holds_for(engine_args) and same_gpu and batched_tokens <= self.counts.max_num_batched_tokens
        )

    def kv_cache(self, rules: KVRules) -> KVCache:
        """The KV cache as the fit check uses it; `rules` are those of the vLLM that counted."""
        counts = self.counts
        smallest = min((each.block_tokens for rank in counts.layers for each in rank), default=1)
        blocks = tuple((need.as_layer(smallest), 1) for need in counts.groups)
        states = tuple(
            tuple(
                (KVLayer(KVKind.MAMBA, each.block_tokens, each.page_bytes), each.count)
                for each in rank
                if each.kind == KVKind.MAMBA.value
            )
            for rank in counts.layers
        )
        return KVCache(states, KVGroups(blocks, counts.bytes_per_block), SequenceLimits(0), rules)


def _counted(engine_args: EngineArgs) -> EngineArgs:
    """The flags that affect weights or KV layout, without eager mode: it affects only a few small gates."""
    return replace(
        engine_args.only("weights", "kv_layout", "kv_blocks", "kv_windows"),
        enforce_eager=False,
        cudagraph_mode=None,
        video_frames=None,
        chunked_local_hybrid=None,
        disable_hybrid_kv_cache_manager=bool(engine_args.disable_hybrid_kv_cache_manager),
    )


@dataclass(frozen=True, slots=True)
class CountedWeights:
    """Weights as counted by vLLM for one deployment, and as in `otherwise` for every other."""

    facts: ExactFacts
    otherwise: ModelWeights

    @property
    def parameters(self) -> int | None:
        return self.otherwise.parameters

    def on_gpu(self, gpu: KernelTarget) -> ModelWeights:
        otherwise = self.otherwise.on_gpu(gpu)
        if not self.facts.holds_in(gpu.release):
            return otherwise
        return self if otherwise is self.otherwise else replace(self, otherwise=otherwise)

    def bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        """Bytes per pipeline rank. Raises what `otherwise` raises, for flags that were not counted."""
        if self.facts.holds_for(engine_args):
            return self.facts.counts.weights_bytes
        return self.otherwise.bytes_per_pipeline_rank(engine_args, own_dtype)

    def converted_bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        """The larger of both per rank: vLLM's count covers only MLA, our tables every layout they know."""
        ours = self.otherwise.converted_bytes_per_pipeline_rank(engine_args, own_dtype)
        if not self.facts.holds_for(engine_args):
            return ours
        return tuple(map(max, ours, self.facts.counts.converted_bytes))

    def allocator_slack_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        return self.otherwise.allocator_slack_per_pipeline_rank(engine_args, own_dtype)

    def resident_bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        return self.otherwise.resident_bytes_per_pipeline_rank(engine_args, own_dtype)

    def leaves_towers_out(self, engine_args: EngineArgs) -> bool:
        return self.otherwise.leaves_towers_out(engine_args)
