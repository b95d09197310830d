"""Prefix caching of recurrent states, which ties the batch to their blocks and needs chunked prompts."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.kv_cache.cache_format import cache_format
from vllm_costmeter.core.kv_cache.rules import kv_rules
from vllm_costmeter.core.model.attention import Mamba1State, Mamba2State, RecurrentState
from vllm_costmeter.core.refusals.start import Refusal, Start

_ANY_BATCH = (0, 27)  # `validate_block_size` of vllm/config/vllm.py no longer compares block and batch
_EVERY_MODE_IN_CHUNKS = (0, 33)  # MambaModelConfig requires chunked prefill in every mode
_DRAFTS_ALIGNED = ((0, 20), (0, 21))
_UNCACHED = {"enable_prefix_caching": False}


def hybrid_prefix_fault(start: Start) -> Refusal | None:
    """`MambaModelConfig` of vllm/model_executor/models/config.py, `validate_block_size` (0.17: `__post_init__`) and
    `validate_mamba_block_size` of vllm/config/vllm.py, 0.17.0 to 0.33.0."""
    asked = start.engine_args
    states = _states(start)
    is_cached = asked.enable_prefix_caching
    if is_cached is None:
        has_attention = any(not isinstance(cache, RecurrentState) for cache in _caches(start))
        is_cached = kv_rules(start.release).caches_hybrid_prefixes and has_attention
    if not is_cached:
        return _state_block_fault(start)
    if not states or start.model.is_pooling:
        return None
    is_aligned = _is_aligned(start, states)
    if asked.enable_chunked_prefill is False and (is_aligned or start.release.minor >= _EVERY_MODE_IN_CHUNKS):
        return Refusal(
            "prefix_caching",
            "prefix caching of recurrent layers needs chunked prefill; --no-enable-chunked-prefill turns it off",
            ({"enable_chunked_prefill": True}, _UNCACHED),
        )
    return _aligned_fault(start) if is_aligned else None


def _aligned_fault(start: Start) -> Refusal | None:
    asked = start.engine_args
    if asked.disable_chunked_mm_input:
        return Refusal(
            "prefix_caching",
            "prefix caching of recurrent layers may end a step inside an image or a video; "
            "--disable-chunked-mm-input forbids that",
            ({"disable_chunked_mm_input": False}, _UNCACHED),
        )
    if start.release.minor >= _ANY_BATCH or start.compute_capability is None:
        return None
    block, batched = _block_tokens(start), start.engine.max_num_batched_tokens
    if block is None:
        return None
    why = f"prefix caching of recurrent layers in blocks of {block:,} tokens needs"
    if block > batched:
        return Refusal(
            "max_num_batched_tokens",
            f"{why} --max-num-batched-tokens of at least {block}; it is {batched}",
            ({"max_num_batched_tokens": block}, _UNCACHED),
        )
    threshold = asked.long_prefill_token_threshold
    if 0 < threshold < block:
        return Refusal(
            "max_num_batched_tokens",
            f"{why} --long-prefill-token-threshold of at least {block}, or 0; it is {threshold}",
            ({"long_prefill_token_threshold": block}, {"long_prefill_token_threshold": 0}, _UNCACHED),
        )
    return None


def _state_block_fault(start: Start) -> Refusal | None:
    size = start.engine_args.mamba_block_size
    is_off = start.engine_args.enable_prefix_caching is False or bool(_states(start))
    if size is None or not is_off or size == start.engine.max_model_len:
        return None
    return Refusal(
        "prefix_caching",
        f"--mamba-block-size {size} needs --enable-prefix-caching",
        ({"enable_prefix_caching": True},),
    )


def _is_aligned(start: Start, states: list[RecurrentState]) -> bool:
    """Mode `align`: asked for, or where the model's class cannot keep a state for every block (`all`). Mamba 1 and 2
    can up to 0.31, which is their default up to 0.27, in 0.20 and 0.21 without speculative decoding only."""
    mode = start.engine_args.mamba_cache_mode
    if mode == "align":
        return True
    may_keep_all = any(isinstance(state, Mamba1State | Mamba2State) for state in states)
    if not may_keep_all:
        return True
    if mode == "all":
        return False
    drafts = start.engine_args.speculative_config is not None
    return not kv_rules(start.release).mamba_prefix_blocks or (
        drafts and start.release.minor in _DRAFTS_ALIGNED
    )


def _block_tokens(start: Start) -> int | None:
    """Tokens per block after it was aligned to the states; None if unknown."""
    capability = start.compute_capability
    assert capability is not None
    try:
        return cache_format(
            start.model.attention, start.engine_args, kv_rules(start.release), capability[0]
        ).block_tokens
    except (BadInputError, NotUnderstoodError):
        return None


def _states(start: Start) -> list[RecurrentState]:
    return [cache for cache in _caches(start) if isinstance(cache, RecurrentState)]


def _caches(start: Start) -> set[object]:
    return set().union(*start.model.attention.layers)
