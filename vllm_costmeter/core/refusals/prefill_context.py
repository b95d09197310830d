"""Context parallelism: prompts split over GPUs (for models with MLA, from 0.26), and sequences dealt out to them."""

from __future__ import annotations

from vllm_costmeter.core.model.attention import CompressedMla, MlaLatent
from vllm_costmeter.core.refusals.start import Refusal, Start

_ONE: tuple[dict[str, int], ...] = ({"prefill_context_parallel_size": 1},)
_FIRST = (0, 26)
_WITH_PIPELINE = (0, 32)
_WITH_DATA_PARALLEL = (0, 31)


def prefill_context_fault(start: Start) -> Refusal | None:
    """Up to 0.25 no attention backend supports it (`check_attention_cp_compatibility` of vllm/v1/worker/cp_utils.py);
    from 0.26 `validate_config` of vllm/v1/worker/gpu/pcp_manager.py lists what it does not go with."""
    asked, model, release = start.engine_args, start.model, start.release.minor
    flag = f"--prefill-context-parallel-size {asked.prefill_context_parallel_size}"
    if release < _FIRST:
        return Refusal(
            "parallel_layout", f"{flag}: no attention backend of vLLM {start.release} supports it", _ONE
        )
    caches = set().union(*model.attention.layers)
    if model.not_understood is None and not any(
        isinstance(cache, MlaLatent | CompressedMla) for cache in caches
    ):
        return Refusal("parallel_layout", f"{flag} needs a model with MLA, such as DeepSeek's", _ONE)
    unfit = next((name for is_so, name in _beside(start) if is_so), None)
    return None if unfit is None else Refusal("parallel_layout", f"{flag} does not go with {unfit}", _ONE)


def _beside(start: Start) -> list[tuple[bool, str]]:
    asked, release = start.engine_args, start.release.minor
    layout = asked.layout
    return [
        (asked.enable_lora, "--enable-lora"),
        (layout.pipeline_parallel_size > 1 and release < _WITH_PIPELINE, "--pipeline-parallel-size"),
        (layout.data_parallel_size > 1 and release < _WITH_DATA_PARALLEL, "--data-parallel-size"),
        (asked.speculative_config is not None and release < (0, 30), "--speculative-config"),
        (start.model.is_encoder_decoder, "an encoder-decoder model"),
    ]


_EVERY_DEFAULT_BLOCK, _SMALLEST_BLOCK = 512, 16
"""Blocks that a backend chooses are powers of two between these; those of hybrids are not known here."""


def interleave_fault(start: Start) -> Refusal | None:
    """`VllmConfig.validate_block_size`, 0.17.0 to 0.33.0: whole turns of --decode-context-parallel-size in a block."""
    asked = start.engine_args
    size, block = asked.kv_cache_interleave_size, asked.block_size
    if block is not None and not start.model.is_hybrid:
        fits, is_certain = block % size == 0, True
    else:
        fits, is_certain = (
            _SMALLEST_BLOCK % size == 0,
            not start.model.is_hybrid and _EVERY_DEFAULT_BLOCK % size > 0,
        )
    if fits:
        return None
    blocks = f"--block-size {block}" if block is not None else "the block of the KV cache"
    message = (
        f"--cp-kv-cache-interleave-size {size} must divide {blocks}, as the cache of a sequence is split"
    )
    return Refusal("parallel_layout", message, is_certain=is_certain)
