"""From a model's attention facts and a plan to the cache layers that each pipeline rank holds.

Mirrors the `get_kv_cache_spec` of vLLM's attention layers and its block-size choice (`update_block_size_for_backend`,
read in 0.32; the versions before differ as `rules` says).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.kv_cache.backends import (
    BLACKWELL,
    COMPRESSED_BLOCK_TOKENS,
    HOPPER,
    SPARSE_BLOCK_TOKENS,
    dense_latent_block_tokens,
    head_block_tokens,
    sparse_latent_dtype,
)
from vllm_costmeter.core.kv_cache.compressed import compressed_layers
from vllm_costmeter.core.kv_cache.dtypes import check_kv_cache_dtype, key_value_bytes, latent_bytes
from vllm_costmeter.core.kv_cache.layers import CountedLayers, KVKind, KVLayer
from vllm_costmeter.core.kv_cache.rules import KVRules
from vllm_costmeter.core.kv_cache.states import StateFormat, state_bytes
from vllm_costmeter.core.model.attention import (
    Cache,
    ChunkedLocal,
    CompressedMla,
    CrossAttention,
    FullAttention,
    Mamba1State,
    Mamba2State,
    MlaLatent,
    ModelAttention,
    RecurrentState,
    SlidingWindow,
    SparseIndexer,
)
from vllm_costmeter.core.plan import Plan


@dataclass(frozen=True, slots=True)
class CacheFormat:
    """Everything that turns a cache fact into bytes on one rank."""

    dtype: str
    kv_dtype: str
    block_tokens: int
    tensor_parallel_size: int
    states: StateFormat
    state_page_bytes: int | None = None
    """Page that recurrent layers are padded to in a hybrid model; None: their own size."""
    state_blocks: int = 1
    mamba2_checkpoint_blocks: int = 0


def pipeline_slices(num_layers: int, pipeline_ranks: int) -> tuple[tuple[int, int], ...]:
    """[start, end) of the layers of each rank: equal shares, the remainder to the ranks before the last
    (`get_pp_indices`, vLLM 0.32)."""
    share, rest = divmod(num_layers, pipeline_ranks)
    ends, slices = 0, []
    for rank in range(pipeline_ranks):
        start, ends = (
            ends,
            ends + share + (1 if pipeline_ranks - 1 - rest <= rank < pipeline_ranks - 1 else 0),
        )
        slices.append((start, ends))
    return tuple(slices)


def resolved_kv_dtype(model: ModelAttention, plan: Plan, major: int) -> str:
    """`--kv-cache-dtype` after `auto` asked the checkpoint and the architecture. BadInputError if vLLM lacks it."""
    asked = plan.kv_cache_dtype
    if asked == "auto":
        asked = model.kv_cache_dtype or (major == BLACKWELL and model.blackwell_kv_cache_dtype) or "auto"
    check_kv_cache_dtype(asked)
    return asked


def kv_layers(
    model: ModelAttention, plan: Plan, rules: KVRules, compute_capability: tuple[int, int] | None = None
) -> tuple[CountedLayers, ...]:
    """The caches of every pipeline rank, each distinct one with its count.

    `compute_capability` None is taken for Hopper's (9, 0): it changes block sizes of latent attention by at most
    48 tokens. Errors: BadInputError for what vLLM refuses, NotUnderstoodError for what is not known.
    """
    form = _format(model, plan, rules, HOPPER if compute_capability is None else compute_capability[0])
    built: dict[Cache, tuple[KVLayer, ...]] = {}
    ranks = []
    slices = pipeline_slices(len(model.layers), plan.layout.pipeline_parallel_size)
    for start, end in slices:
        counts: Counter[KVLayer] = Counter()
        drafted = model.draft_layers if (start, end) == slices[-1] else ()
        for caches, times in Counter(model.layers[start:end] + drafted).items():
            for cache in caches:
                if cache not in built:
                    built[cache] = _built(cache, form)
                for layer in built[cache]:
                    counts[layer] += times
        ranks.append(tuple(counts.items()))
    return tuple(ranks)


def _built(cache: Cache, form: CacheFormat) -> tuple[KVLayer, ...]:
    match cache:
        case FullAttention() | SlidingWindow() | ChunkedLocal() | CrossAttention():
            return (_heads(cache, form),)
        case MlaLatent(kv_lora_rank=rank, qk_rope_head_dim=rope):
            row = latent_bytes(rank + rope, form.kv_dtype, form.dtype)
            return (KVLayer(KVKind.MLA, form.block_tokens, row, (rank + rope,)),)
        case SparseIndexer(head_dim=head_dim):
            row = (
                head_dim + head_dim // 128 * 4
            )  # fp8 key and a float32 scale per 128 values (Indexer, vLLM 0.32)
            return (KVLayer(KVKind.MLA, form.block_tokens, row, (head_dim,)),)
        case CompressedMla():
            return compressed_layers(cache, form.kv_dtype)
        case _:
            return (_state(cache, form),)


def _heads(
    cache: FullAttention | SlidingWindow | ChunkedLocal | CrossAttention, form: CacheFormat
) -> KVLayer:
    heads = max(1, cache.num_kv_heads // form.tensor_parallel_size)
    size, size_v, window, kind = cache.head_size, cache.head_size, None, KVKind.FULL
    match cache:
        case FullAttention():
            size_v = cache.head_size_v or size
        case SlidingWindow():
            size_v, window, kind = cache.head_size_v or size, cache.window_tokens, KVKind.SLIDING
        case ChunkedLocal():
            window, kind = cache.chunk_tokens, KVKind.CHUNKED
        case CrossAttention():
            kind = KVKind.CROSS
    row = heads * key_value_bytes(size, size_v, form.kv_dtype, form.dtype)
    return KVLayer(kind, form.block_tokens, row, (heads, size, size_v), window_tokens=window)


def _state(state: RecurrentState, form: CacheFormat) -> KVLayer:
    size = state_bytes(state, form.tensor_parallel_size, form.states)
    blocks = form.state_blocks + (form.mamba2_checkpoint_blocks if isinstance(state, Mamba2State) else 0)
    padded = None if form.state_page_bytes in (None, size) else form.state_page_bytes
    return KVLayer(KVKind.MAMBA, form.block_tokens, size, padded_page_bytes=padded, state_blocks=blocks)


def _format(model: ModelAttention, plan: Plan, rules: KVRules, major: int) -> CacheFormat:
    dtype = model.dtype if plan.dtype == "auto" else plan.dtype
    kv_dtype = resolved_kv_dtype(model, plan, major)
    kinds = set().union(*model.layers, *model.draft_layers)
    if any(isinstance(cache, MlaLatent) and cache.sparse for cache in kinds):
        kv_dtype = sparse_latent_dtype(major, kv_dtype)
    speculative = int((plan.speculative_config or {}).get("num_speculative_tokens") or 0)
    form = CacheFormat(
        dtype=dtype,
        kv_dtype=kv_dtype,
        block_tokens=_block_tokens(kinds, plan, kv_dtype, major),
        tensor_parallel_size=plan.layout.tensor_parallel_size,
        states=StateFormat(dtype, plan.mamba_cache_dtype, plan.mamba_ssm_cache_dtype, speculative),
    )
    states = [cache for cache in kinds if isinstance(cache, RecurrentState)]
    return _with_states(form, states, kinds, plan, rules) if states else form


def _block_tokens(kinds: set[Cache], plan: Plan, kv_dtype: str, major: int) -> int:
    """The block before recurrent layers raise it: the flag's, or what the backends prefer."""
    latents = [cache for cache in kinds if isinstance(cache, MlaLatent)]
    heads = [cache.head_size for cache in kinds if isinstance(cache, FullAttention | SlidingWindow)]
    if any(isinstance(cache, CompressedMla) for cache in kinds):
        preferred = step = COMPRESSED_BLOCK_TOKENS
    elif any(latent.sparse for latent in latents):
        preferred = step = SPARSE_BLOCK_TOKENS
    elif latents:
        preferred, step = dense_latent_block_tokens(major, kv_dtype, latents[0].qk_nope_head_dim), 16
    else:
        preferred = step = head_block_tokens(major, kv_dtype, max(heads, default=0))
    if plan.block_size is None:
        return preferred
    if plan.block_size <= 0 or plan.block_size % step:
        raise BadInputError(
            f"--block-size {plan.block_size}: this model's attention needs a multiple of {step}"
        )
    return plan.block_size


def _with_states(
    form: CacheFormat, states: list[RecurrentState], kinds: set[Cache], plan: Plan, rules: KVRules
) -> CacheFormat:
    """Recurrent layers share the pool: attention's block grows until its page holds a state, states are padded to
    that page. A model of recurrent layers alone keeps its own size."""
    attention = [cache for cache in kinds if not isinstance(cache, RecurrentState)]
    cached = plan.enable_prefix_caching
    if cached is None:
        cached = rules.caches_hybrid_prefixes and bool(attention)
    if cached and rules.mamba_prefix_blocks and any(isinstance(s, Mamba1State | Mamba2State) for s in states):
        raise NotUnderstoodError("KV cache: prefix caching of Mamba layers before vLLM 0.28 is not known")
    spare = form.states.speculative_tokens
    form = replace(
        form,
        state_blocks=(2 if cached else 1) + spare,
        mamba2_checkpoint_blocks=1 if cached and rules.checkpoints_mamba2_prefill else 0,
    )
    if not attention:
        return form
    largest = max(state_bytes(state, form.tensor_parallel_size, form.states) for state in states)
    step, token_bytes = form.block_tokens, _built(attention[0], replace(form, block_tokens=1))[0].row_bytes
    if any(isinstance(cache, MlaLatent) for cache in attention):
        step = max(step, rules.hybrid_latent_block_tokens)
    block = max(form.block_tokens, step * -(-largest // (step * token_bytes)))
    return replace(form, block_tokens=block, state_page_bytes=block * token_bytes)
