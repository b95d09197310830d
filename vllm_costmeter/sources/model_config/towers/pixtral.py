"""Pixtral's tower in Mistral's own format (vLLM 0.32, pixtral.py): never quantized, its rotary table made later."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Part
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.llava import pixtral
from vllm_costmeter.sources.model_config.towers.parts import vision_section


def pixtral_own(source: Source) -> tuple[Part, ...]:
    """Before the adapter, newer models normalize the patches and merge them."""
    vision, hidden = vision_section(source), source.hidden_size
    width = vision.int("hidden_size", minimum=1)
    merged = width * vision.int("spatial_merge_size", default=1, minimum=1) ** 2
    bias = vision.bool("adapter_bias", default=True)
    has_norm = vision.bool("add_pre_mm_projector_layer_norm", default=False)
    is_merged = vision.raw("mm_projector_id") == "patch_merge"
    return (
        *pixtral(source, is_own=True),
        *(norms(width, "pre_mm_projector_norm") if has_norm else ()),
        *((replicated("patch_merger.merging_layer", merged, width, quantized=False),) if is_merged else ()),
        replicated("vision_language_adapter.w_in", width, hidden, bias=bias, quantized=False),
        replicated("vision_language_adapter.w_out", hidden, hidden, bias=bias, quantized=False),
    )
