"""The dtype and block size of a deployment's KV cache.

Mirrors `update_block_size_for_backend` of vLLM's `platforms/interface.py` (read in 0.32; versions before differ as
`rules` says).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, GpuCannotError, NotUnderstoodError
from vllm_costmeter.core.kv_cache.backends import (
    BLACKWELL,
    COMPRESSED_BLOCK_TOKENS,
    DEFAULT_BLOCK_TOKENS,
    FLASH_KDA_MAJORS,
    HOPPER,
    POOLED_KEYS,
    SOURCED_BLOCK_TOKENS,
    SPARSE_BLOCK_TOKENS,
    SPARSE_HEADS_BLOCK_TOKENS,
    dense_latent_block_tokens,
    forced_latent_block_tokens,
    head_block_tokens,
    sparse_latent_dtype,
)
from vllm_costmeter.core.kv_cache.building import CacheFormat, cache_layers
from vllm_costmeter.core.kv_cache.dtypes import StateFormat, check_kv_cache_dtype
from vllm_costmeter.core.kv_cache.rules import KVRules
from vllm_costmeter.core.model.attention import (
    Cache,
    CompressedMla,
    FullAttention,
    GatedDeltaState,
    Mamba1State,
    Mamba2State,
    MlaLatent,
    ModelAttention,
    RecurrentState,
    RegionAttention,
    SlidingWindow,
    SourcedMla,
    SparseIndexer,
)


def resolved_kv_dtype(model: ModelAttention, engine_args: EngineArgs, rules: KVRules, major: int) -> str:
    """`--kv-cache-dtype`, with `auto` resolved from checkpoint and architecture. Raises BadInputError if vLLM lacks
    it."""
    asked = engine_args.kv_cache_dtype
    if asked == "auto":
        chosen = model.blackwell_kv_cache_dtype
        if major != BLACKWELL or chosen not in rules.blackwell_kv_cache_dtypes:
            chosen = None
        asked = model.kv_cache_dtype or chosen or "auto"
    check_kv_cache_dtype(asked)
    return asked


def cache_format(
    model: ModelAttention, engine_args: EngineArgs, rules: KVRules, known_major: int | None
) -> CacheFormat:
    """How `engine_args` stores the caches of `model` on a GPU with this major compute capability; None, as of AMD's:
    as on Hopper.

    Raises BadInputError for what vLLM refuses, NotUnderstoodError for what is not modelled."""
    major = HOPPER if known_major is None else known_major
    dtype = model.dtype if engine_args.dtype == "auto" else engine_args.dtype
    kv_dtype = resolved_kv_dtype(model, engine_args, rules, major)
    layers = (*model.layers, *model.draft_layers, *model.tower_layers)
    kinds = tuple(dict.fromkeys(cache for layer in layers for cache in layer))
    if any(isinstance(cache, MlaLatent) and cache.sparse for cache in kinds):
        kv_dtype = sparse_latent_dtype(major, kv_dtype, plain_rows=rules.plain_sparse_rows)
    if any(isinstance(cache, CompressedMla) for cache in kinds) and major not in (HOPPER, BLACKWELL):
        raise NotUnderstoodError(
            "DeepSeek V4's KV cache is modelled for compute capability 9.x and 10.x only"
        )
    if any(isinstance(cache, SourcedMla) for cache in kinds) and major < HOPPER:
        raise GpuCannotError("DeepSeek V4.1 needs compute capability 9.0 or newer in vLLM")
    if any(isinstance(cache, RegionAttention) for cache in kinds) and major not in (HOPPER, BLACKWELL):
        raise GpuCannotError("Step 5's sparse layers need compute capability 9.0, 10.0 or 10.3 in vLLM")
    if kv_dtype.startswith("turboquant") and not any(isinstance(cache, RecurrentState) for cache in kinds):
        raise NotUnderstoodError(
            f"--kv-cache-dtype {kv_dtype}: the first and last layers keep the model's dtype, which is not modelled"
        )
    speculative = int((engine_args.speculative_config or {}).get("num_speculative_tokens") or 0)
    form = CacheFormat(
        dtype=dtype,
        kv_dtype=kv_dtype,
        block_tokens=_block_tokens(
            kinds, engine_args, rules, kv_dtype, major, latent_step=1 if known_major is None else 16
        ),
        tensor_parallel_size=engine_args.layout.tensor_parallel_size,
        aligns_rows=rules.aligns_packed_rows,
        pools_windows=rules.pools_windows,
        packs_pools=rules.packs_pools,
        aligns_windows=rules.aligns_window_rows,
        major=major,
        states=StateFormat(
            dtype, engine_args.mamba_cache_dtype, engine_args.mamba_ssm_cache_dtype, speculative
        ),
    )
    if not any(isinstance(cache, RecurrentState) for cache in kinds):
        return form
    cached = engine_args.enable_prefix_caching
    if cached is None:
        has_attention = any(not isinstance(cache, RecurrentState) for cache in kinds)
        cached = rules.caches_hybrid_prefixes and has_attention and model.caches_prefixes
    return _with_states(form, kinds, engine_args, rules, cached, major=major)


def _delta_checkpoint_tokens(
    rules: KVRules, states: list[RecurrentState], major: int, backend: str | None
) -> int:
    """0 where FlashInfer does not prefill the gated delta nets (`_resolve_gdn_prefill_backend`, vLLM 0.33 with CUDA
    13; `backend` is `--gdn-prefill-backend`), or where another kind of state keeps no checkpoint."""
    wide = all(isinstance(state, GatedDeltaState) and state.head_k_dim == 128 for state in states)
    takes = all(isinstance(state, GatedDeltaState) and state.is_checkpointed for state in states)
    is_asked = backend in (None, "auto", "flashinfer")
    on_flashinfer = is_asked and (major == HOPPER or (major in (BLACKWELL, 12) and wide))
    return rules.delta_checkpoint_tokens if takes and on_flashinfer else 0


def _block_tokens(
    kinds: Sequence[Cache],
    engine_args: EngineArgs,
    rules: KVRules,
    kv_dtype: str,
    major: int,
    *,
    latent_step: int,
) -> int:
    """The block size before recurrent layers enlarge it: the flag's, or what the backends prefer. `latent_step`: what
    divides that of latents; AMD's AITER takes any (`AiterMLABackend`, 0.17 to 0.33)."""
    latents = [cache for cache in kinds if isinstance(cache, MlaLatent)]
    heads = [cache.head_size for cache in kinds if isinstance(cache, FullAttention | SlidingWindow)]
    if any(isinstance(cache, CompressedMla) for cache in kinds):
        preferred = step = COMPRESSED_BLOCK_TOKENS
    elif any(isinstance(cache, SourcedMla) for cache in kinds):
        preferred = step = SOURCED_BLOCK_TOKENS.get(major, 128)
    elif any(latent.sparse for latent in latents):
        preferred, step = SPARSE_BLOCK_TOKENS, SPARSE_BLOCK_TOKENS if latent_step > 1 else 1
    elif any(isinstance(cache, SparseIndexer) and cache.pooled_tokens == 1 for cache in kinds):
        preferred = step = SPARSE_HEADS_BLOCK_TOKENS
    elif latents and latent_step > 1 and rules.forces_latent_blocks and major in (HOPPER, BLACKWELL):
        return forced_latent_block_tokens(major, latents[0].qk_nope_head_dim, engine_args.block_size)
    elif latents:
        preferred, step = dense_latent_block_tokens(major, kv_dtype, latents[0].qk_nope_head_dim), latent_step
    else:
        preferred = step = head_block_tokens(
            major, kv_dtype, max(heads, default=0), wide_fp8_blocks=rules.wide_head_fp8_blocks
        )
    if engine_args.block_size is None:
        return preferred
    if engine_args.block_size <= 0 or engine_args.block_size % step:
        raise BadInputError(
            f"--block-size {engine_args.block_size}: this model's attention needs a multiple of {step}"
        )
    return engine_args.block_size


def _with_states(
    form: CacheFormat,
    kinds: Sequence[Cache],
    engine_args: EngineArgs,
    rules: KVRules,
    cached: bool,
    *,
    major: int,
) -> CacheFormat:
    """Recurrent layers share the pool: attention's block grows until a state fits into its page, and states are padded
    to that page. A model with only recurrent layers keeps its own size. `cached`: whether prefixes are."""
    states = [cache for cache in kinds if isinstance(cache, RecurrentState)]
    attention = [cache for cache in kinds if not isinstance(cache, RecurrentState)]
    chunks = [state.chunk_tokens for state in states if isinstance(state, Mamba1State | Mamba2State)]
    per_block = cached and rules.mamba_prefix_blocks and bool(chunks)
    gdn, kda = engine_args.gdn_prefill_backend, engine_args.kda_prefill_backend
    checkpoint_tokens = _delta_checkpoint_tokens(rules, states, major, gdn) if cached else 0
    form = replace(
        form,
        state_blocks=(0 if per_block else 2 if cached else 1) + form.states.speculative_tokens,
        checkpointed=(_checkpointed(rules, major, kda) if cached else frozenset())
        | ({"delta"} if checkpoint_tokens else set()),
        state_per_block=per_block,
    )
    if not attention:
        if per_block:
            raise NotUnderstoodError(
                "KV cache: prefix caching of pure Mamba models before vLLM 0.28 is not modelled"
            )
        return form
    from vllm_costmeter.core.kv_cache.states import state_bytes

    largest = max(state_bytes(state, form.tensor_parallel_size, form.states) for state in states)
    step, token_bytes = (
        form.block_tokens,
        cache_layers(_paged(attention), replace(form, block_tokens=1))[0].row_bytes,
    )
    if any(isinstance(cache, MlaLatent) for cache in attention):
        step = max(step, rules.hybrid_latent_block_tokens)
    pooled = max(
        (
            cache.pooled_tokens
            for cache in attention
            if isinstance(cache, SparseIndexer) and cache.element_bytes is None
        ),
        default=1,
    )
    if pooled > 1:
        step = lcm(step, POOLED_KEYS.get(major, 32) * pooled)
    if per_block:
        step = lcm(step, *chunks)
    if checkpoint_tokens:
        step = lcm(step, checkpoint_tokens)
    block = max(form.block_tokens, step * -(-largest // (step * token_bytes)))
    lone = None
    if (
        rules.aligns_each_rank
    ):  # without cached prefixes a state's block is the longest context, on every rank
        lone = (engine_args.block_size or DEFAULT_BLOCK_TOKENS) if cached else block
    return replace(
        form, block_tokens=block, state_page_bytes=block * token_bytes, lone_state_block_tokens=lone
    )


def _checkpointed(rules: KVRules, major: int, backend: str | None) -> frozenset[str]:
    """Without FlashKDA only Mamba 2 keeps checkpoints (`kda_prefill_checkpoint_alignment`, vLLM 0.33; 0.29:
    `get_kv_cache_spec`; `backend` is `--kda-prefill-backend`)."""
    on_flash_kda = major in FLASH_KDA_MAJORS and backend in (None, "auto", "flashkda")
    return rules.prefill_checkpoints if on_flash_kda else rules.prefill_checkpoints & {"mamba2"}


def _paged(attention: Sequence[Cache]) -> Cache:
    """The cache whose page states are aligned with: the latents', beside which an indexer keeps its own."""
    latents = (cache for cache in attention if isinstance(cache, MlaLatent))
    heads = (cache for cache in attention if isinstance(cache, FullAttention | SlidingWindow))
    return next(latents, None) or next(heads, attention[0])
