"""The KV cache of one deployment: bytes per block and rank, blocks per sequence, tokens, and the longest length.

Mirrors `get_kv_cache_configs` and its neighbours in vLLM's `v1/core/kv_cache_utils.py` (read in 0.17 to 0.32).
"""

from __future__ import annotations

from collections.abc import Hashable
from math import lcm
from operator import attrgetter

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engine.args import EngineArgs, fields_affecting
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.kv_cache.groups import KVGroups, group_layers
from vllm_costmeter.core.kv_cache.layers import SLIDING_KINDS, CountedLayers, KVKind, SequenceLimits
from vllm_costmeter.core.kv_cache.layout import kv_layers
from vllm_costmeter.core.kv_cache.rules import KVRules
from vllm_costmeter.core.model.attention import (
    CompressedMla,
    ModelAttention,
    OpenPool,
    RegionAttention,
    SourcedMla,
)

_FLAGS = attrgetter("layout", *fields_affecting("kv_layout", "kv_blocks"))

PoolBytes = int | tuple[int, ...]
"""KV cache size in bytes: the same for every pipeline rank, or one value per rank."""


@dataclass(frozen=True, slots=True)
class KVCapacity:
    """What vLLM logs at start-up for a KV cache size and a `--max-model-len`."""

    num_blocks: int
    tokens: int
    max_concurrency: float


@dataclass(frozen=True, slots=True)
class KVCache:
    """Layers per pipeline rank, in groups. Everything follows from two numbers: the bytes of a block on a rank, and the
    blocks of a sequence in the pool that all groups share."""

    layers: tuple[CountedLayers, ...]
    groups: KVGroups
    limits: SequenceLimits
    rules: KVRules

    @property
    def holds_states(self) -> bool:
        """Whether any layer caches a recurrent state."""
        return any(layer.kind is KVKind.MAMBA for rank in self.layers for layer, _ in rank)

    @property
    def num_groups(self) -> int:
        """Groups of layers as vLLM forms them; 0 if the model caches nothing."""
        return self.groups.count

    @property
    def bytes_per_block(self) -> tuple[int, ...]:
        return self.groups.bytes_per_block

    def blocks_for(self, length_tokens: int) -> int:
        """Maximum blocks of one sequence of `length_tokens` over all groups; never decreases with the length."""
        return sum(n * layer.blocks_for(length_tokens, self.limits) for layer, n in self.groups.blocks)

    def bytes_needed(self, length_tokens: int) -> tuple[int, ...]:
        """Bytes one sequence of `length_tokens` needs on each pipeline rank."""
        blocks = self.blocks_for(length_tokens)
        return tuple(block_bytes * blocks for block_bytes in self.bytes_per_block)

    def bytes_per_token(self) -> tuple[int, ...]:
        """Bytes that one more token of context needs on each pipeline rank, rounded up, once every window is full: what
        the layers that keep all tokens take. 0 where no layer does."""
        step = lcm(*(layer.block_tokens for layer, _ in self.groups.blocks)) * self.limits.context_shards
        widest = max((layer.window_tokens or 0 for layer, _ in self.groups.blocks), default=0)
        start = -(-(widest + self.limits.in_flight_tokens) // step) * step
        blocks = self.blocks_for(start + step) - self.blocks_for(start)
        return tuple(-(-block_bytes * blocks // step) for block_bytes in self.bytes_per_block)

    def usable_pool_bytes(self, pool_bytes: PoolBytes) -> tuple[int, ...]:
        """The usable part of the pool: this version may reserve one block."""
        reserved = 1 if self.rules.reserves_null_block else 0
        pools = zip(self._per_rank(pool_bytes), self.bytes_per_block, strict=True)
        return tuple(pool - reserved * block_bytes for pool, block_bytes in pools)

    def fits(self, length_tokens: int, pool_bytes: PoolBytes) -> bool:
        """Whether vLLM can serve one sequence of `length_tokens` from this pool, as it decides at start-up."""
        usable = self.usable_pool_bytes(pool_bytes)
        if self.num_groups == 0:
            return True
        return all(
            0 < pool >= need for pool, need in zip(usable, self.bytes_needed(length_tokens), strict=True)
        )

    def longest_that_fits(self, pool_bytes: PoolBytes, maximum_tokens: int) -> int:
        """The largest length up to `maximum_tokens` that `fits`, 0 if none does: the length in vLLM's error message,
        and the one that `--max-model-len auto` sets."""
        return self.longest_length(self.usable_pool_bytes(pool_bytes), maximum_tokens)

    def longest_length(self, pool_bytes: PoolBytes, maximum_tokens: int) -> int:
        """The largest length up to `maximum_tokens` whose `bytes_needed` fit into the pool on every rank, 0 if none:
        the result of vLLM's binary search for these bytes (which searches within `usable_pool_bytes`)."""
        blocks = self._whole_blocks(pool_bytes)
        if blocks is None or self.blocks_for(maximum_tokens) <= blocks:
            return maximum_tokens
        low, high = 0, maximum_tokens
        while high - low > 1:
            middle = (low + high) // 2
            if self.blocks_for(middle) <= blocks:
                low = middle
            else:
                high = middle
        return low

    def capacity(self, length_tokens: int, pool_bytes: PoolBytes) -> KVCapacity:
        """Blocks, tokens and concurrency at `--max-model-len length_tokens`, as this version logs them. A model without
        a cache has one (null) block, no tokens and no concurrency."""
        blocks = self._whole_blocks(pool_bytes)
        if blocks is None:
            return KVCapacity(num_blocks=1, tokens=0, max_concurrency=0.0)
        concurrency = blocks / self.blocks_for(length_tokens)
        if self.rules.tokens_are_concurrency:
            return KVCapacity(blocks, int(concurrency * length_tokens), concurrency)
        smallest = min(layer.block_tokens for layer, _ in self.groups.blocks)
        tokens = blocks // self.num_groups * smallest * self.limits.context_shards
        return KVCapacity(blocks, tokens, concurrency)

    def _whole_blocks(self, pool_bytes: PoolBytes) -> int | None:
        """Blocks in the smallest rank's pool; None if no rank has a cache."""
        pools = zip(self._per_rank(pool_bytes), self.bytes_per_block, strict=True)
        return min((max(pool, 0) // size for pool, size in pools if size), default=None)

    def _per_rank(self, pool_bytes: PoolBytes) -> tuple[int, ...]:
        return (pool_bytes,) * len(self.bytes_per_block) if isinstance(pool_bytes, int) else pool_bytes


def kv_cache(
    model: ModelAttention,
    engine_args: EngineArgs,
    rules: KVRules,
    *,
    max_num_batched_tokens: int,
    compute_capability: tuple[int, int] | None = None,
    concurrent_batches: int = 2,
) -> KVCache:
    """The KV cache of `model` served by `engine_args` under `rules`.

    `max_num_batched_tokens` is the resolved value (flag or the version's default), `concurrent_batches` that of
    `core.engine.concurrent_batches`; two is vLLM's default on one pipeline rank. Raises BadInputError for what
    vLLM refuses, NotUnderstoodError for what is not modelled.
    """
    batches = concurrent_batches if rules.counts_in_flight_batches else 1
    key = _key(engine_args, rules, (max_num_batched_tokens, batches), compute_capability)
    if key not in model.known_caches:
        model.known_caches[key] = _laid_out(
            model, engine_args, rules, (max_num_batched_tokens, batches), compute_capability
        )
    found: KVCache = model.known_caches[key]
    return found


def _key(
    engine_args: EngineArgs,
    rules: KVRules,
    batch: tuple[int, int],
    compute_capability: tuple[int, int] | None,
) -> Hashable:
    """Equal for two deployments of one model whose KV caches are equal."""
    major = None if compute_capability is None else compute_capability[0]
    return (repr(_FLAGS(engine_args)), rules, batch, major)


def _laid_out(
    model: ModelAttention,
    engine_args: EngineArgs,
    rules: KVRules,
    batch: tuple[int, int],
    compute_capability: tuple[int, int] | None,
) -> KVCache:
    """`batch`: its tokens, and how many batches are in flight."""
    layers = kv_layers(model, engine_args, rules, compute_capability)
    kinds = {layer.kind for rank in layers for layer, _ in rank}
    shards = engine_args.layout.decode_context_parallel_size
    if shards > 1 and kinds & SLIDING_KINDS:
        raise BadInputError(
            "--decode-context-parallel-size: vLLM does not shard sliding-window layers; leave it at 1"
        )
    tokens, batches = batch
    limits = SequenceLimits(
        in_flight_tokens=batches * tokens,
        encoder_tokens=tokens,
        retained_tokens=_retained(model, engine_args) if rules.retains_drafted_tokens else 0,
        context_shards=shards,
    )
    if engine_args.disable_hybrid_kv_cache_manager:
        from vllm_costmeter.core.kv_cache.promotion import full_allocation

        layers = full_allocation(layers)
    packed = any(
        isinstance(cache, CompressedMla | SourcedMla | RegionAttention | OpenPool)
        for caches in set(model.layers)
        for cache in caches
    )
    return KVCache(layers, group_layers(layers, rules, block_outermost=packed), limits, rules)


def _retained(model: ModelAttention, engine_args: EngineArgs) -> int:
    """`use_multi_module_mtp`: with several modules, one less than the drafted tokens (vLLM 0.28 to 0.33)."""
    asked = engine_args.speculative_config or {}
    modules, drafted = model.prediction_modules, asked.get("num_speculative_tokens") or 1
    is_several = str(asked.get("method")).endswith("mtp") and min(modules, drafted) > 1
    return drafted - 1 if is_several else 0
