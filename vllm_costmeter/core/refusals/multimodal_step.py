"""One image, video or audio clip with more tokens than a step."""

from __future__ import annotations

from vllm_costmeter.core.refusals.start import Refusal, Start

_PATCHES, _MERGED = 65_536, 4  # the largest image of Qwen's processors, as in core.memory.activations


def multimodal_step_fault(start: Start) -> Refusal | None:
    """`compute_mm_encoder_budget` of vllm/v1/core/encoder_cache_manager.py, the same in 0.17.0 to 0.33.0."""
    unsplit = start.model.unsplit_items
    items = {} if unsplit is None else unsplit.allowed(start.engine_args, start.release)
    step = start.engine.max_num_batched_tokens
    if items:
        kind = max(items, key=lambda each: items[each])
        if items[kind] <= step:
            return None
        is_given = start.engine_args.max_num_batched_tokens is not None
        limit = f"--max-num-batched-tokens {step}{'' if is_given else ' (the default)'}"
        return Refusal(
            "max_num_batched_tokens",
            f"one {kind} must fit into a step of this model: up to {items[kind]:,} tokens; {limit}",
            ({"max_num_batched_tokens": items[kind]},),
            # the default follows from the GPU's name and size, and a start with it was posted; AMD GPUs, which have no
            # compute capability, may split items
            is_certain=is_given and start.compute_capability is not None,
        )
    image = _PATCHES // _MERGED
    has_tower = start.model.sizes.image_tower is not None and not start.engine_args.language_model_only
    limits = start.engine_args.limit_mm_per_prompt or {}
    if not start.engine_args.disable_chunked_mm_input or not has_tower or limits.get("image") == 0:
        return None
    if step >= image:
        return None
    return Refusal(
        "max_num_batched_tokens",
        f"--disable-chunked-mm-input needs a step for the largest image, up to {image:,} tokens unless the processor "
        f"limits it; --max-num-batched-tokens is {step}",
        ({"max_num_batched_tokens": image},),
        is_certain=False,
    )
