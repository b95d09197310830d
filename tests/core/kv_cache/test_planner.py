"""The KV cache of a deployment: blocks, tokens, concurrency and the longest length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.kv_cache import KVCache, kv_cache, kv_rules
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.model.attention import (
    Cache,
    ChunkedLocal,
    CrossAttention,
    FullAttention,
    GatedDeltaState,
    LayerCaches,
    MlaLatent,
    ModelAttention,
    SlidingWindow,
)
from vllm_costmeter.core.release import release_of

FULL = FullAttention(8, 128)
WINDOW = SlidingWindow(8, 128, 1024)
CHUNK = ChunkedLocal(8, 128, 8192)
LATENT = MlaLatent(512, 64)
DELTA = GatedDeltaState(16, 32, 128, 128, 4, "float32")

layers = st.lists(st.sampled_from([(FULL,), (WINDOW,), (CHUNK,), ()]), min_size=1, max_size=40)


def model(*caches: LayerCaches, heads: int = 32) -> ModelAttention:
    return ModelAttention(layers=caches, num_attention_heads=heads, dtype="bfloat16")


def cached(
    attention: ModelAttention, version: str = "0.32.0", engine_args: EngineArgs | None = None
) -> KVCache:
    return kv_cache(
        attention, engine_args or EngineArgs(), kv_rules(release_of(version)), max_num_batched_tokens=8192
    )


def alike(cache: Cache, count: int) -> ModelAttention:
    return model(*((cache,),) * count)


def test_llama_8b_costs_128_kib_a_token() -> None:
    """32 layers x 2 x 8 heads x 128 x 2 bytes; 4,096 tokens are 512 MiB."""
    assert cached(alike(FULL, 32)).bytes_needed(4096) == (512 << 20,)


def test_what_a_token_needs_is_a_fact_of_the_layout() -> None:
    """128 KiB for an 8B Llama whatever memory is left; half under context parallelism; a full window takes no more."""
    assert cached(alike(FULL, 32)).bytes_per_token() == (128 << 10,)
    shared = EngineArgs(layout=ParallelConfig(tensor_parallel_size=16, decode_context_parallel_size=2))
    one, two = cached(alike(LATENT, 32)), cached(alike(LATENT, 32), engine_args=shared)
    assert two.bytes_per_token()[0] * 2 == one.bytes_per_token()[0]
    assert cached(model(*((FULL,), (WINDOW,)) * 12)).bytes_per_token() == (12 * 2 * 8 * 128 * 2,)
    assert cached(alike(WINDOW, 12)).bytes_per_token() == cached(model((), ())).bytes_per_token() == (0,)


@given(layers, st.integers(1, 40))
def test_a_longer_context_grows_by_what_a_token_needs(caches: list[LayerCaches], thousands: int) -> None:
    """Beyond every window, over whole blocks of every layer."""
    cache = cached(model(*caches))
    start, more = 1 << 16, thousands << 10
    grown = cache.bytes_needed(start + more)[0] - cache.bytes_needed(start)[0]
    assert grown == cache.bytes_per_token()[0] * more


def test_a_block_more_does_not_fit() -> None:
    """The longest length fills the last whole block, and one token more needs another."""
    cache = cached(alike(FULL, 32))
    longest = cache.longest_length(GIB, 1 << 20)
    assert longest == 8192
    assert cache.bytes_needed(longest + 1)[0] > GIB


def test_the_null_block_is_left_out_of_the_check_since_0_29() -> None:
    """A pool of exactly 512 blocks serves 8,192 tokens in 0.28 and one block less from 0.29 on."""
    assert cached(alike(FULL, 32), "0.28.0").longest_that_fits(GIB, 1 << 20) == 8192
    newer = cached(alike(FULL, 32), "0.29.0")
    assert newer.longest_that_fits(GIB, 1 << 20) == 8176
    assert newer.fits(8176, GIB)
    assert not newer.fits(8192, GIB)


def test_tokens_are_printed_by_the_rule_of_the_version() -> None:
    """Before 0.21 blocks per group times the block, since then concurrency times the length."""
    mixed = model(*((FULL,), (WINDOW,)) * 12)
    old, new = (cached(mixed, version).capacity(32768, 16 * GIB) for version in ("0.20.0", "0.21.0"))
    assert old.num_blocks == new.num_blocks
    assert old.tokens == old.num_blocks // 2 * 16
    assert new.tokens == int(new.max_concurrency * 32768)
    assert old.max_concurrency == new.max_concurrency


def test_windows_reserve_for_two_batches_since_0_26() -> None:
    """Asynchronous scheduling keeps a second batch in flight, so a window holds 8,192 tokens more."""
    old, new = (cached(alike(WINDOW, 1), version).blocks_for(1 << 20) for version in ("0.25.0", "0.26.0"))
    assert new - old == 8192 // 16


def test_every_pipeline_rank_has_its_own_blocks_and_the_smallest_pool_decides() -> None:
    """31 layers over two ranks: 16 and 15; blocks are what both can hold."""
    cache = cached(alike(FULL, 31), engine_args=EngineArgs(layout=ParallelConfig(pipeline_parallel_size=2)))
    assert cache.bytes_per_block == (16 * 65536, 15 * 65536)
    assert cache.capacity(4096, (GIB, GIB)).num_blocks == 1024
    assert cache.capacity(4096, (2 * GIB, GIB // 2)).num_blocks == 546


def test_recurrent_layers_keep_two_states_where_prefixes_are_cached() -> None:
    """The default since 0.28; `--no-enable-prefix-caching` leaves one."""
    hybrid = model(*((DELTA,), (DELTA,), (DELTA,), (FULL,)) * 4)
    attention_blocks = -(-4096 // 544)
    for version, caching, states in (("0.27.0", None, 1), ("0.28.0", None, 2), ("0.28.0", False, 1)):
        cache = cached(hybrid, version, EngineArgs(enable_prefix_caching=caching))
        assert cache.blocks_for(4096) == attention_blocks + 3 * states


def test_cross_attention_reserves_for_the_batch() -> None:
    """Whisper's decoder: vLLM sets the encoder's tokens to `max_num_batched_tokens`, not to 1,500."""
    cache = cached(model((FULL, CrossAttention(8, 128))))
    assert cache.num_groups == 2
    assert cache.blocks_for(448) == 448 // 16 + 8192 // 16


def test_without_the_hybrid_manager_windows_cost_as_much_as_full_attention() -> None:
    """`--disable-hybrid-kv-cache-manager` allocates windows for every token."""
    mixed = model(*((FULL,), (WINDOW,)) * 12)
    cache = cached(mixed, engine_args=EngineArgs(disable_hybrid_kv_cache_manager=True))
    assert cache.num_groups == 1
    assert cache.bytes_needed(65536) == cached(alike(FULL, 24)).bytes_needed(65536)


def test_context_parallelism_is_refused_for_windows() -> None:
    """vLLM asserts it; the message names the flag."""
    with pytest.raises(BadInputError, match="decode-context-parallel-size"):
        cached(
            alike(WINDOW, 4), engine_args=EngineArgs(layout=ParallelConfig(decode_context_parallel_size=2))
        )


def test_context_parallelism_halves_what_a_rank_holds() -> None:
    """Two ranks hold half the tokens each, latents too."""
    halved = cached(
        alike(LATENT, 61), engine_args=EngineArgs(layout=ParallelConfig(decode_context_parallel_size=2))
    )
    assert halved.bytes_needed(65536) == cached(alike(LATENT, 61)).bytes_needed(32768)


def test_a_model_without_a_cache_fits_any_pool() -> None:
    """An embedder of the encoder kind needs no KV memory at all."""
    cache = cached(model())
    assert cache.fits(512, 0)
    assert cache.longest_that_fits(0, 512) == 512
    assert cache.capacity(512, GIB).tokens == 0


@given(caches=layers, pool=st.integers(0, 1 << 36), maximum=st.integers(1, 1 << 22))
def test_the_longest_length_is_exact(caches: list[LayerCaches], pool: int, maximum: int) -> None:
    """It fits, and the next token does not, for every mix of layers and every pool."""
    cache = cached(model(*caches))
    longest = cache.longest_length(pool, maximum)
    assert 0 <= longest <= maximum
    assert longest == 0 or all(need <= pool for need in cache.bytes_needed(longest))
    assert longest == maximum or any(need > pool for need in cache.bytes_needed(longest + 1))


@given(caches=layers, pool=st.integers(0, 1 << 36), more=st.integers(0, 1 << 34))
def test_a_larger_pool_never_serves_less(caches: list[LayerCaches], pool: int, more: int) -> None:
    """Longest length, blocks and tokens grow with the pool."""
    cache = cached(model(*caches))
    assert cache.longest_length(pool, 1 << 20) <= cache.longest_length(pool + more, 1 << 20)
    small, large = cache.capacity(4096, pool), cache.capacity(4096, pool + more)
    assert small.num_blocks <= large.num_blocks
    assert small.tokens <= large.tokens


@given(caches=layers, pool=st.integers(1 << 20, 1 << 36), length=st.integers(1, 1 << 20))
def test_fits_and_the_longest_length_agree(caches: list[LayerCaches], pool: int, length: int) -> None:
    """A length fits exactly when the longest that fits is no shorter."""
    cache = cached(model(*caches))
    assert cache.fits(length, pool) == (cache.longest_that_fits(pool, length) == length)


@pytest.mark.parametrize(
    ("version", "modules", "drafted", "method", "tokens"),
    [
        ("0.33.0", 3, 3, "mtp", 2),
        ("0.28.0", 3, 3, "mtp", 2),
        ("0.27.0", 3, 3, "mtp", 0),
        ("0.33.0", 3, 1, "mtp", 0),
        ("0.33.0", 1, 3, "mtp", 0),
        ("0.33.0", 3, 3, "eagle", 0),
    ],
)
def test_windows_keep_what_several_prediction_modules_read_again(
    version: str, modules: int, drafted: int, method: str, tokens: int
) -> None:
    """One token less than are drafted, from 0.28: a window of 1,024 and 16,384 in flight fill 1,088 blocks and two."""
    windows = ModelAttention(((WINDOW,),) * 2, 32, "bfloat16", prediction_modules=modules)
    asked = EngineArgs(speculative_config={"method": method, "num_speculative_tokens": drafted})
    found = cached(windows, version, asked)
    assert found.limits.retained_tokens == tokens
    assert found.blocks_for(65536) == 1088 + 1 + (tokens > 1)
