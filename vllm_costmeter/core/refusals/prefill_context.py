"""`--prefill-context-parallel-size`: prompts split over GPUs, for models with MLA from 0.26."""

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
