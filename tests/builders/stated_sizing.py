"""A deployment whose bytes are stated, not computed: memory in MiB, and a cache whose block is 1 MiB of 16 tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from example_models import ADA, llama

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.fit.sizing import Sizing
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.kv_cache import KVCache, kv_rules
from vllm_costmeter.core.kv_cache.graph_blocks import BlocksNeeded
from vllm_costmeter.core.kv_cache.groups import KVGroups
from vllm_costmeter.core.kv_cache.layers import KVKind, KVLayer, SequenceLimits
from vllm_costmeter.core.memory.above_budget import AboveBudget
from vllm_costmeter.core.memory.byte_range import ByteRange, exactly
from vllm_costmeter.core.memory.ranks import Memory, RankMemory
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import NEWEST

MIB = 1 << 20
BUDGET, TOTAL = 20 * 1024, 24 * 1024
WEIGHTS = 10 * 1024
LENGTH = 1600
"""100 blocks of 16 tokens; vLLM holds one more back."""

Ends = tuple[int, int, int]
"""Low, usual, high."""


def mib(low: int, usual: int, high: int) -> ByteRange:
    """That many MiB."""
    return ByteRange(usual * MIB, low * MIB, high * MIB, "stated")


def rank(
    pool: Ends, *, weights: Ends = (WEIGHTS,) * 3, reserved: int | None = None, index: int = 0
) -> RankMemory:
    """A rank on which the parts leave `pool` of the budget, if its weights are certain."""
    low, usual, high = pool
    rest = BUDGET - weights[1] - usual
    nothing = exactly(0, "stated")
    return RankMemory(
        index=index,
        budget_bytes=BUDGET * MIB,
        weights=mib(*weights),
        activations=mib(rest - (high - usual), rest, rest + (usual - low)),
        non_torch=nothing,
        cuda_graphs=nothing,
        beside_weights=nothing,
        lora=nothing,
        reserved_kv_cache_bytes=None if reserved is None else reserved * MIB,
    )


def memory(*ranks: RankMemory, free: Ends = (22_000,) * 3, first: tuple[RankMemory, ...] = ()) -> Memory:
    """GPUs of 24 GiB with a budget of 20."""
    return Memory(TOTAL * MIB, BUDGET * MIB, mib(*free), ranks, first or ranks)


def cache(*bytes_per_block: int) -> KVCache:
    """Full attention in blocks of 16 tokens, of that many MiB on each rank; no argument: no cache."""
    if not bytes_per_block:
        return KVCache(((),), KVGroups((), (0,)), SequenceLimits(0), kv_rules(NEWEST))
    layer = KVLayer(KVKind.FULL, 16, row_bytes=MIB // 16)
    groups = KVGroups(((layer, 1),), tuple(each * MIB for each in bytes_per_block))
    return KVCache((((layer, 1),),), groups, SequenceLimits(0), kv_rules(NEWEST))


def above(usual: int, left: int, *, low: int = 0, high: int | None = None) -> AboveBudget:
    """What is used above the budget, and what the budget leaves."""
    return AboveBudget({"outside": mib(low, usual, usual if high is None else high)}, left * MIB)


def blank(engine_args: EngineArgs | None = None, model: Model | None = None, gpu: GpuGroup = ADA) -> Fit:
    """A result before the verdict."""
    asked = engine_args or EngineArgs(max_model_len=LENGTH, max_num_seqs=64)
    chosen = model or llama()
    engine = resolve_engine(chosen, gpu, asked, NEWEST)
    return Fit("unknown", "not_understood", "", chosen, gpu, asked, engine)


def sizing(pool: Ends = (101, 101, 101), **stated: Any) -> Sizing:
    """A deployment of 1,600 tokens on one rank; `stated` are `blank`, `weights`, `reserved`, `free`, `first` (the pool
    of a first start), `graph_blocks`, `above` and `cache`."""
    given: Mapping[str, Any] = {"blank": blank(), "above": above(0, 4096), "cache": cache(1), **stated}
    parts = {name: given[name] for name in ("weights", "reserved") if name in given}
    first = given.get("first", pool)
    needed: BlocksNeeded | None = given.get("graph_blocks")
    return Sizing(
        given["blank"].engine,
        memory(rank(pool, **parts), free=given.get("free", (22_000,) * 3), first=(rank(first, **parts),)),
        given["cache"],
        "config",
        needed,
        given["above"],
    )


def at_length(result: Fit, tokens: int) -> Fit:
    """The same with this --max-model-len."""
    return replace(result, engine=replace(result.engine, max_model_len=tokens))
