"""MoonViT, of Kimi-VL, Kimi K2.5 and Kimi K3 (vLLM 0.32, moonvit.py and kimi_k25_vit.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Linear, Output, Part, Repeated, Tensor
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated, row
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


def moonvit_k3(source: Source) -> tuple[Part, ...]:
    """Kimi K3's MoonViT: RMS norms, matrices without biases, attention of a width of its own, and a norm behind the
    projector."""
    vision = vision_section(source)
    width = vision.int("vt_hidden_size", "hidden_size", minimum=1)
    heads = vision.int("vt_num_attention_heads", "num_attention_heads", minimum=1)
    inner = vision.int("vt_intermediate_size", "intermediate_size", minimum=1)
    depth = vision.int("vt_num_hidden_layers", "num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    pixels = 3 * vision.int("patch_size", minimum=1) ** 2
    positions = vision.int("init_pos_emb_height", minimum=1) * vision.int("init_pos_emb_width", minimum=1)
    seen = vision.int("qkv_hidden_size", default=width, minimum=1)
    norm_bias = vision.raw("norm_type") == "layernorm"
    attention_bias = vision.bool("attn_bias", default=False)
    linear_bias = vision.bool("linear_bias", default=False)
    patch_bias = vision.bool("patch_embed_proj_bias", default=False)
    merged = width
    for size in vision.optional_list("merge_kernel_size") or [2, 2]:
        merged *= size if isinstance(size, int) else 1
    block: tuple[Part, ...] = (
        *norms(width, "norm0", "norm1", bias=norm_bias),
        Linear("wqkv", width, (Output(heads, seen // heads),) * 3, "column", bias=attention_bias),
        row("wo", seen, width, attention_bias),
        column("mlp.fc0", width, inner, bias=linear_bias),
        row("mlp.fc1", inner, width, linear_bias),
    )
    name = "vision_tower"
    return (
        Tensor(f"{name}.patch_embed", width * (pixels + patch_bias + positions)),
        Buffer(
            f"{name}.time_weight",
            vision.int("init_pos_emb_time", default=4, minimum=1) * width,
            FLOAT32_BYTES,  # as in a tower beside MXFP4 experts
        ),
        Repeated(f"{name}.encoder.blocks", block, depth),
        *norms(width, f"{name}.encoder.final_layernorm", bias=norm_bias),
        replicated("mm_projector.linear_1", merged, merged, quantized=False),
        replicated("mm_projector.linear_2", merged, source.hidden_size, quantized=False),
        *norms(source.hidden_size, "mm_projector.post_norm"),
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
