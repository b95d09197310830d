"""Blocks, tokens and concurrency in a pool, what a sequence reserves, and when two deployments share a layout."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.kv_cache import KVCache, KVCapacity, kv_cache, kv_rules
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.model.attention import (
    FullAttention,
    KimiDeltaState,
    LayerCaches,
    MlaLatent,
    ModelAttention,
    OpenPool,
    SlidingWindow,
    SparseIndexer,
)
from vllm_costmeter.core.release import release_of

FULL, WINDOW = FullAttention(8, 128), SlidingWindow(8, 128, 1024)
"""A block of 16 tokens is 16 x 4,096 = 65,536 bytes."""


def cached(*layers: LayerCaches, version: str = "0.32.0", layout: ParallelConfig | None = None) -> KVCache:
    args = EngineArgs(layout=layout or ParallelConfig())
    model = ModelAttention(layers, 32, "bfloat16")
    return kv_cache(model, args, kv_rules(release_of(version)), max_num_batched_tokens=8192)


@pytest.mark.parametrize(
    ("full", "version", "tokens", "blocks_of_one"),
    [
        (FULL, "0.20.0", 10922 * 16, 2048 + 577),
        (FULL, "0.21.0", 272692, 2048 + 577),
        (FullAttention(4, 128), "0.20.0", 10922 * 16, 1024 + 577),
        (FullAttention(4, 128), "0.21.0", 447106, 1024 + 577),
    ],
)
def test_what_the_log_says_of_a_pool(
    full: FullAttention, version: str, tokens: int, blocks_of_one: int
) -> None:
    """16 GiB in blocks of twelve layers are 21,845. A sequence of 32,768 has 2,048 blocks, of half the heads 1,024 of
    32 tokens, and in windows 9,215 tokens (576 blocks) and one more. 0.20: half of all blocks, of the smaller size;
    since 0.21 21,845 x 32,768 / 2,625 and / 1,601."""
    cache = cached(*((full,), (WINDOW,)) * 12, version=version)
    assert cache.capacity(32768, 16 * GIB) == KVCapacity(21845, tokens, 21845 / blocks_of_one)


def test_context_shards_multiply_the_tokens() -> None:
    """1,000 blocks of 4 x 16 latents of 1,152 bytes on each of two ranks: 4,096 tokens are 128 blocks."""
    sharded = ParallelConfig(decode_context_parallel_size=2)
    cache = cached(*((MlaLatent(512, 64),),) * 4, version="0.20.0", layout=sharded)
    assert cache.capacity(4096, 1000 * 73728) == KVCapacity(1000, 32000, 1000 / 128)


def test_a_model_that_caches_nothing_has_the_null_block_alone() -> None:
    """No tokens and no concurrency, in any pool."""
    assert cached((), ()).capacity(512, GIB) == KVCapacity(1, 0, 0.0)


def test_a_pool_below_zero_holds_no_block() -> None:
    """What is left after weights may be less than nothing."""
    assert cached((FULL,)).capacity(512, -1).num_blocks == 0


def test_every_rank_must_hold_the_sequence_and_the_null_block() -> None:
    """256 blocks of 16 and of 15 layers for 4,096 tokens, and one more: a byte less on either rank does not do."""
    cache = cached(*((FULL,),) * 31, layout=ParallelConfig(pipeline_parallel_size=2))
    first, second = 257 * 16 * 65536, 257 * 15 * 65536
    assert cache.fits(4096, (first, second))
    assert not cache.fits(4096, (first - 1, second))
    assert not cache.fits(4096, (first, second - 1))


def test_a_pool_of_the_null_block_alone_serves_nothing() -> None:
    """vLLM stops where no memory is left for blocks, however short the sequence."""
    cache = cached((FULL,))
    assert not cache.fits(0, 65536)
    assert cache.fits(1, 2 * 65536)


def test_a_pool_for_each_rank_is_needed() -> None:
    """One value for two ranks is a mistake of the caller, not an answer."""
    cache = cached((FULL,), (FULL,), layout=ParallelConfig(pipeline_parallel_size=2))
    with pytest.raises(ValueError, match="zip"):
        cache.fits(512, (GIB,))
    with pytest.raises(ValueError, match="zip"):
        cache.capacity(512, (GIB,))


@pytest.mark.parametrize(
    ("in_flight", "version", "reserved"),
    [(1, "0.32.0", 1), (2, "0.26.0", 2), (3, "0.32.0", 3), (3, "0.25.0", 1)],
)
def test_windows_reserve_for_every_batch_in_flight(in_flight: int, version: str, reserved: int) -> None:
    """Since 0.26; one batch before. A window of 1,024 tokens is 64 blocks of 16, and 8,192 tokens a batch are 512."""
    model = ModelAttention(((WINDOW,), (WINDOW,)), 32, "bfloat16")
    rules = kv_rules(release_of(version))
    cache = kv_cache(model, EngineArgs(), rules, max_num_batched_tokens=8192, concurrent_batches=in_flight)
    assert cache.blocks_for(1 << 20) == 64 + 512 * reserved + 1


def test_latents_with_open_pools_are_packed_into_one_block() -> None:
    """GLM-5 Next: in a block of 640 tokens (a state of ten heads) latents of 737,280 bytes and 160 keys of 132 are
    758,400, raised to 659 latents of 1,152; the ring and the state are groups of their own in blocks of this size."""
    sparse = (MlaLatent(512, 64), SparseIndexer(128, pooled_tokens=4), OpenPool(256, 4))
    cache = cached(sparse, (KimiDeltaState(10, 128, 4),))
    assert (cache.num_groups, cache.bytes_per_block) == (3, (659 * 1152,))


def test_deployments_with_equal_caches_share_one_layout_and_others_do_not() -> None:
    """Minor compute capability and flags of the scheduler change nothing; the generation, the release, a batch's tokens
    and the cache dtype do."""
    model = ModelAttention(((MlaLatent(512, 64),),), 32, "bfloat16")

    def found(
        gpu: tuple[int, int] | None = (9, 0), version: str = "0.32.0", tokens: int = 8192, **flags: object
    ) -> KVCache:
        args = EngineArgs(**flags)  # type: ignore[arg-type]
        rules = kv_rules(release_of(version))
        return kv_cache(model, args, rules, max_num_batched_tokens=tokens, compute_capability=gpu)

    one = found()
    assert found(max_num_seqs=64) is one
    assert found((10, 0)) is found((10, 3))
    others = [found((10, 0)), found(version="0.31.0"), found(tokens=2048), found(kv_cache_dtype="fp8")]
    assert len({id(each) for each in [one, *others]}) == 5
    assert found((10, 0)).bytes_per_block == (32 * 1152,)
    assert one.bytes_per_block == found(None).bytes_per_block == (16 * 1152,)
