"""What the installed vLLM itself answered about one deployment: its weights and its KV cache, as values.

A model that carries these answers with them wherever they hold, and with our own tables elsewhere. The pool and the
length may vary freely, because the blocks a sequence takes are kept as a function of its length.
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
        """A cache layer of our own tables that takes the same blocks (with no tokens in flight).

        ValueError for a need that none takes: vLLM has fixed blocks beside growing ones only for windows, and one.
        """
        if not self.block_tokens:
            return KVLayer(KVKind.MAMBA, block_tokens=1, row_bytes=0, state_blocks=self.fixed_blocks)
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
    """Layers of one kind on one pipeline rank, by vLLM's own name for it."""

    kind: str
    page_bytes: int
    block_tokens: int
    count: int


@dataclass(frozen=True, slots=True)
class ExactCounts:
    """One deployment as the installed vLLM counts it. Tuples have one entry per pipeline rank."""

    vllm_version: str
    weights_bytes: tuple[int, ...]
    """Parameters and buffers of vLLM's own model, each once; on the last rank, of its drafter too."""
    converted_bytes: tuple[int, ...]
    """What vLLM adds while it converts loaded weights (the absorbed projections of MLA)."""
    layers: tuple[tuple[ExactLayer, ...], ...]
    bytes_per_block: tuple[int, ...]
    groups: tuple[BlockNeed, ...]
    """One entry per group of layers that share block tables."""
    max_num_batched_tokens: int
    """The batch vLLM counted windows with."""


@dataclass(frozen=True, slots=True)
class ExactFacts:
    """The counts and the deployment they are of."""

    counts: ExactCounts
    engine_args: EngineArgs
    compute_capability: tuple[int, int] | None

    def holds_in(self, release: Release) -> bool:
        """Whether the vLLM that was asked is of this release."""
        return release_of_build(self.counts.vllm_version).number == release.number

    def holds_for(self, engine_args: EngineArgs) -> bool:
        """Whether weights and KV layout of `engine_args` are those that were counted."""
        return _counted(engine_args) == _counted(self.engine_args)

    def holds_on(
        self, engine_args: EngineArgs, compute_capability: tuple[int, int] | None, batched_tokens: int
    ) -> bool:
        """Whether that holds for the KV cache on a GPU: its backends follow the GPU, its windows the batch.
        A smaller batch needs no more than what was counted."""
        same_gpu = compute_capability == self.compute_capability
        return (
            self.holds_for(engine_args) and same_gpu and batched_tokens <= self.counts.max_num_batched_tokens
        )

    def kv_cache(self, rules: KVRules) -> KVCache:
        """The KV cache as the fit check uses it; `rules` are those of the vLLM that was asked."""
        counts = self.counts
        blocks = tuple((need.as_layer(), 1) for need in counts.groups)
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
    """The flags without those that change neither weights nor KV layout. Eager mode changes a few small gates alone."""
    return replace(
        engine_args.only("weights", "kv_layout", "kv_blocks"), enforce_eager=False, cudagraph_mode=None
    )


@dataclass(frozen=True, slots=True)
class CountedWeights:
    """Weights as vLLM counted them for one deployment, and as `otherwise` has them for every other."""

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
        """Errors: those of `otherwise`, for plans that were not counted."""
        if self.facts.holds_for(engine_args):
            return self.facts.counts.weights_bytes
        return self.otherwise.bytes_per_pipeline_rank(engine_args, own_dtype)

    def converted_bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        """The larger of both: vLLM was asked about MLA alone, our tables know every layout of a model they know."""
        ours = self.otherwise.converted_bytes_per_pipeline_rank(engine_args, own_dtype)
        if not self.facts.holds_for(engine_args):
            return ours
        return tuple(map(max, ours, self.facts.counts.converted_bytes))

    def allocator_slack_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        return self.otherwise.allocator_slack_per_pipeline_rank(engine_args, own_dtype)
