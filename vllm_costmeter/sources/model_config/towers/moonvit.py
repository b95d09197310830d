"""MoonViT, of Kimi-VL and Kimi K2.5 (vLLM 0.32, moonvit.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import split_attention, two_layers, vision_section


def moonvit(source: Source) -> tuple[Part, ...]:
    """Kimi K2.5's MoonViT and its projector, which every rank holds whole."""
    vision = vision_section(source)
    width = vision.int("vt_hidden_size", "hidden_size", minimum=1)
    heads = vision.int("vt_num_attention_heads", "num_attention_heads", minimum=1)
    inner = vision.int("vt_intermediate_size", "intermediate_size", minimum=1)
    depth = vision.int("vt_num_hidden_layers", "num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    pixels = 3 * vision.int("patch_size", minimum=1) ** 2
    positions = vision.int("init_pos_emb_height", minimum=1) * vision.int("init_pos_emb_width", minimum=1)
    kernel = vision.optional_list("merge_kernel_size") or [2, 2]
    merged = width
    for size in kernel:
        merged *= size if isinstance(size, int) else 1
    block = (
        *norms(width, "norm0", "norm1", bias=True),
        *split_attention("wqkv", "wo", width, heads, width // heads),
        *two_layers("mlp", width, inner, "fc0", "fc1"),
    )
    name = "vision_tower"
    return (
        Tensor(f"{name}.patch_embed", width * (pixels + 1 + positions)),
        Buffer(f"{name}.time_weight", vision.int("init_pos_emb_time", default=4, minimum=1) * width),
        Repeated(f"{name}.encoder.blocks", block, depth),
        *norms(width, f"{name}.encoder.final_layernorm", "mm_projector.pre_norm", bias=True),
        replicated("mm_projector.linear_1", merged, merged, bias=True, quantized=False),
        replicated("mm_projector.linear_2", merged, source.hidden_size, bias=True, quantized=False),
    )


def kimi_vl(source: Source) -> tuple[Part, ...]:
    """Kimi-VL's MoonViT, divided by heads, and its projector."""
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_attention_heads", minimum=1)
    depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    pixels = 3 * vision.int("patch_size", minimum=1) ** 2
    positions = vision.int("init_pos_emb_height", minimum=1) * vision.int("init_pos_emb_width", minimum=1)
    merged = width
    for size in vision.optional_list("merge_kernel_size") or [2, 2]:
        merged *= size if isinstance(size, int) else 1
    block = (
        *norms(width, "norm0", "norm1", bias=True),
        *split_attention("wqkv", "wo", width, heads, width // heads),
        *two_layers("mlp", width, vision.int("intermediate_size", minimum=1), "fc0", "fc1"),
    )
    name, projector = "vision_tower", "multi_modal_projector"
    return (
        Tensor(f"{name}.patch_embed", width * (pixels + 1 + positions)),
        Repeated(f"{name}.encoder.blocks", block, depth),
        *norms(width, f"{name}.encoder.final_layernorm", f"{projector}.pre_norm", bias=True),
        replicated(f"{projector}.linear_1", merged, merged, bias=True, quantized=False),
        replicated(f"{projector}.linear_2", merged, source.hidden_size, bias=True, quantized=False),
    )
