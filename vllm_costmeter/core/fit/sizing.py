"""A model on a GPU at one context length: resolved flags, bytes per rank, and the KV cache layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from vllm_costmeter.core.dataclass import Memo, dataclass, field, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.concurrent_batches import concurrent_batches
from vllm_costmeter.core.engine.config import EngineConfig, default_batch, resolve_engine
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.kv_cache import KVCache, kv_cache, kv_rules
from vllm_costmeter.core.memory.above_budget import AboveBudget, above_budget
from vllm_costmeter.core.memory.layer_peak import LENGTH_OF_FULL_CONTEXT, depends_on_length
from vllm_costmeter.core.memory.loaded import LoadedRank, loaded_ranks
from vllm_costmeter.core.memory.ranks import End, Memory, memory_of_ranks
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.quantization.scheme import KernelTarget
from vllm_costmeter.core.release import Release

if TYPE_CHECKING:
    from vllm_costmeter.core.calibration.server_start import ServerStart
    from vllm_costmeter.core.fit.vllm_counts import ExactFacts
    from vllm_costmeter.core.kv_cache.graph_blocks import BlocksNeeded


@dataclass(frozen=True, slots=True)
class Sizing:
    """Memory and KV cache at one context length, before the verdict."""

    engine: EngineConfig
    memory: Memory
    cache: KVCache
    cache_source: Literal["config", "vllm"]
    graph_blocks: BlocksNeeded | None
    """Blocks that full CUDA graphs of recurrent layers need."""

    above_budget: AboveBudget
    """What the server uses beyond its budget."""

    @property
    def on_first_start(self) -> Sizing:
        """The same with an empty compile cache."""
        return replace(self, memory=self.memory.on_first_start)

    def holds_one_sequence(self, end: End) -> bool:
        """Whether the pool, at this end of its range, has room for one sequence of this length."""
        return self.cache.fits(self.engine.max_model_len, self.memory.pools(end))

    def starts_surely(self) -> bool:
        """Whether vLLM starts at every value within the ranges, including the first time, and usually keeps running."""
        first = self.on_first_start
        return (
            self.memory.surely_starts
            and first.holds_one_sequence("low")
            and first.captures_graphs("low")
            and not self.above_budget.usually_exceeds
        )

    def captures_graphs(self, end: End) -> bool:
        """Whether the pool has enough blocks for full CUDA graphs; at the low end of a predicted pool, with a margin
        for what one logged start left unexplained."""
        if self.graph_blocks is None:
            return True
        blocks = self.num_blocks(end)
        if end == "low" and blocks < self.num_blocks("high"):
            from vllm_costmeter.core.kv_cache.graph_blocks import UNEXPLAINED_SHARE

            return blocks * (1 - UNEXPLAINED_SHARE) >= self.graph_blocks.blocks
        return blocks >= self.graph_blocks.blocks

    def num_blocks(self, end: End) -> int:
        """Blocks of the pool shared by all layers, as vLLM counts them."""
        return self.cache.capacity(self.engine.max_model_len, self.memory.pools(end)).num_blocks


@dataclass(frozen=True, slots=True)
class Deployment:
    """Model, GPU and flags at any context length."""

    model: Model
    gpu: GpuGroup
    engine_args: EngineArgs
    release: Release
    starts: tuple[ServerStart, ...]
    """Recorded starts of real servers, oldest first."""
    loaded: tuple[LoadedRank, ...]
    _known: Memo[tuple[int, int, int], Memory] = field(
        default_factory=Memo, init=False, compare=False, repr=False
    )
    """Memory already computed, by (max_num_seqs, max_num_batched_tokens, length if it matters)."""

    def memory(self, engine: EngineConfig) -> Memory:
        """The memory of every pipeline rank; the context length matters only if it reduces the batch or the peak."""
        length = engine.max_model_len if engine.max_model_len < self._length_of_full_peak() else 0
        batch = (engine.max_num_seqs, engine.max_num_batched_tokens, length)
        if batch not in self._known:
            self._known[batch] = memory_of_ranks(
                self.model, self.gpu, engine, self.engine_args, starts=self.starts, loaded=self.loaded
            )
        return self._known[batch]

    def cache(self, engine: EngineConfig) -> KVCache:
        """NotUnderstoodError for unknown layers; BadInputError for a layout that vLLM refuses."""
        rules, counted = kv_rules(self.release), self._counted(engine)
        if counted is not None:
            return counted.kv_cache(rules)
        unknown = self.model.not_understood or self.model.draft_fault(self.engine_args)
        if unknown is not None:
            raise NotUnderstoodError(unknown)
        return kv_cache(
            self.model.attention,
            self.engine_args,
            rules,
            max_num_batched_tokens=engine.max_num_batched_tokens,
            compute_capability=self.gpu.compute_capability,
            concurrent_batches=concurrent_batches(self.model, self.engine_args, self.release),
        )

    def _counted(self, engine: EngineConfig) -> ExactFacts | None:
        """The installed vLLM's own counts, if they apply to this GPU and batch."""
        counted, gpu = self.model.counted, self.gpu.compute_capability
        if counted is None or not counted.holds_on(self.engine_args, gpu, engine.max_num_batched_tokens):
            return None
        return counted

    def at(self, length_tokens: int) -> Sizing:
        """The deployment with this --max-model-len."""
        engine = resolve_engine(
            self.model, self.gpu, self.engine_args, self.release, max_model_len=length_tokens
        )
        source: Literal["config", "vllm"] = "config" if self._counted(engine) is None else "vllm"
        cache, memory = self.cache(engine), self.memory(engine)
        above = above_budget(self.model, self.gpu, engine, self.engine_args, memory)
        return Sizing(engine, memory, cache, source, self._graph_blocks(engine, cache), above)

    def cut_to(self, length_tokens: int) -> Sizing:
        """The deployment with `--max-model-len auto` once it is reduced to this length: vLLM has chosen the batch and
        profiled with the model's own length before."""
        placed = self.at(self.model.default_max_model_len)
        return replace(placed, engine=replace(placed.engine, max_model_len=length_tokens))

    def _graph_blocks(self, engine: EngineConfig, cache: KVCache) -> BlocksNeeded | None:
        if self.model.is_pooling or not cache.holds_states:
            return None  # pooling models capture piecewise graphs only
        from vllm_costmeter.core.kv_cache.graph_blocks import blocks_needed

        attention = None if self.model.not_understood else self.model.attention
        kv_cache_dtype = self.engine_args.kv_cache_dtype
        if kv_cache_dtype == "auto" and attention is not None:
            kv_cache_dtype = attention.kv_cache_dtype or kv_cache_dtype  # the checkpoint's own
        return blocks_needed(
            cache,
            attention,
            max_num_seqs=engine.max_num_seqs,
            max_capture_size=engine.max_cudagraph_capture_size,
            cudagraph_mode=self.engine_args.cudagraph_mode,
            speculative_config=self.engine_args.speculative_config,
            kv_cache_dtype=kv_cache_dtype,
            compute_capability=self.gpu.compute_capability,
        )

    def most_seqs_that_fit(self, length_tokens: int) -> int:
        """The largest --max-num-seqs with which this length fits at the low end of the range; 0 if none.

        Other flags are unchanged; vLLM accepts no value above --max-num-batched-tokens.
        """
        default = default_batch(self.gpu, self.release, self.engine_args)[1]
        low, high = 0, (self.engine_args.max_num_batched_tokens or default) + 1
        while high - low > 1:
            middle = (low + high) // 2
            asked = replace(self, engine_args=replace(self.engine_args, max_num_seqs=middle))
            if asked.at(length_tokens).starts_surely():
                low = middle
            else:
                high = middle
        return low

    def longest_that_fits(self) -> int:
        """The longest context, up to the model's maximum, that is certain to fit on a first start; 0 if none.

        The default batch, and with it the memory, shrinks at lengths below default / max_num_seqs. Below that
        point every length is sized separately; above it one sizing suffices, with vLLM's own search.
        """
        maximum = self.model.max_model_len
        placed = self.at(maximum).on_first_start
        if placed.memory.weights_alone_exceed:
            return 0
        longest = placed.cache.longest_that_fits(placed.memory.pools("low"), maximum)
        bend = min(self._bend(), maximum)
        if longest >= bend - 1:
            return longest
        low, high = longest, bend
        while high - low > 1:
            middle = (low + high) // 2
            placed = self.at(middle).on_first_start
            if placed.cache.fits(middle, placed.memory.pools("low")):
                low = middle
            else:
                high = middle
        return low

    def _bend(self) -> int:
        """The shortest length with the full default batch and activation peak; 0 if neither depends on the length."""
        peak = self._length_of_full_peak()
        if self.engine_args.max_num_batched_tokens is not None:
            return peak
        seqs, batched = default_batch(self.gpu, self.release, self.engine_args)
        return max(-(-batched // (self.engine_args.max_num_seqs or seqs)), peak)

    def _length_of_full_peak(self) -> int:
        return LENGTH_OF_FULL_CONTEXT if depends_on_length(self.model) else 0


def deployment(
    model: Model,
    gpu: GpuGroup,
    engine_args: EngineArgs,
    release: Release,
    starts: tuple[ServerStart, ...] = (),
) -> Deployment:
    """`model` on `gpu` in vLLM `release`. Raises what `Model.weights_bytes` raises."""
    model = model.on_gpu(KernelTarget(gpu.compute_capability, release))
    deployed = Deployment(model, gpu, engine_args, release, starts, loaded_ranks(model, engine_args))
    if engine_args.num_gpu_blocks_override is None:
        return deployed
    from vllm_costmeter.core.fit.stated_blocks import with_stated_blocks

    return with_stated_blocks(deployed)


def with_most_seqs(result: Fit, starts: Sequence[ServerStart] = ()) -> Fit:
    """`result` with the largest --max-num-seqs that fits; unchanged if its bytes are not known."""
    if result.per_gpu is None or result.reason == "max_model_len":
        return result
    try:
        deployed = deployment(
            result.model, result.gpu, result.engine_args, result.engine.release, tuple(starts)
        )
        return replace(
            result, max_num_seqs_that_fits=deployed.most_seqs_that_fit(max(result.engine.max_model_len, 1))
        )
    except (BadInputError, NotUnderstoodError):
        return result
