"""The towers of InternVL, Kimi-VL, GLM-4.1V and GLM-4.5V (vLLM 0.32: interns1_vit.py, moonvit.py, glm4_1v.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.architectures.blocks import column, gated_mlp, norms, replicated, row
from vllm_costmeter.sources.model_config.architectures.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.architectures.vision import (
    split_attention,
    two_layers,
    vision_section,
)
from vllm_costmeter.sources.model_config.reader import ConfigReader

_INT64_BYTES = 8
_GLM_POSITIONS = 8192  # table length that vLLM 0.32's glm4_1v.py passes to get_rope


def intern_vit(source: Source) -> tuple[Part, ...]:
    """InternVL's tower as transformers writes it: attention whole on every rank, its MLP divided."""
    vision = vision_section(source)
    width = vision.int("hidden_size", minimum=1)
    inner = vision.int("intermediate_size", minimum=1)
    depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    patch, image = _side(vision, "patch_size"), _side(vision, "image_size")
    bias = vision.bool("attention_bias", default=False)
    if vision.bool("use_qk_norm", default=False) or vision.raw("norm_type") == "rms_norm":
        raise NotUnderstoodError(f"{source.root.name}: InternVL's largest tower (6B) is not known")
    block = (
        replicated("attention.q_proj", width, width, bias=bias, quantized=False),
        replicated("attention.k_proj", width, width, bias=bias, quantized=False),
        replicated("attention.v_proj", width, width, bias=bias, quantized=False),
        replicated("attention.projection_layer", width, width, bias=True, quantized=False),
        *two_layers("mlp", width, inner, "fc1", "fc2"),
        *norms(width, "layernorm_before", "layernorm_after", bias=True),
        *norms(width, "lambda_1", "lambda_2"),
    )
    patches = (image // patch) ** 2
    has_positions = vision.bool("use_absolute_position_embeddings", default=True)
    ratio = source.root.float("downsample_ratio", default=0.5)
    merged = width * round(1 / ratio) ** 2 if 0.0 < ratio <= 1.0 else width
    name, projector, hidden = "vision_tower", "multi_modal_projector", source.hidden_size
    return (
        Tensor(f"{name}.embeddings", width * (1 + 1 + 3 * patch**2 + has_positions * (patches + 1))),
        Repeated(f"{name}.encoder.layer", block, depth),
        *norms(merged, f"{projector}.layer_norm", bias=True),
        replicated(f"{projector}.linear_1", merged, hidden, bias=True, quantized=False),
        replicated(f"{projector}.linear_2", hidden, hidden, bias=True, quantized=False),
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


def glm4v(source: Source) -> tuple[Part, ...]:
    """GLM-4.1V's and 4.5V's tower: no biases, learned and rotary positions, a convolution that downsamples."""
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_heads", minimum=1)
    depth = vision.int("depth", minimum=1, maximum=MAX_LAYERS)
    out = vision.int("out_hidden_size", minimum=1)
    patch = vision.int("patch_size", default=14, minimum=1)
    frames = vision.int("temporal_patch_size", default=2, minimum=1)
    positions = (vision.int("image_size", default=336, minimum=1) // patch) ** 2
    merge = vision.int("spatial_merge_size", default=2, minimum=1)
    block = (
        *norms(width, "norm1", "norm2"),
        column("attn.qkv", width, width, width, width),
        row("attn.proj", width, width),
        *gated_mlp("mlp", width, out),  # vLLM: mlp_hidden_dim=vision_config.out_hidden_size
    )
    return (
        Tensor("visual.patch_embed.proj", width * (3 * frames * patch**2 + 1)),
        Tensor("visual.embeddings.position_embedding", positions, width),
        Buffer("visual.embeddings.position_ids", positions, _INT64_BYTES),
        Buffer("visual.rotary_pos_emb", _GLM_POSITIONS * (width // heads // 2)),
        *norms(width, "visual.post_conv_layernorm", "visual.post_layernorm"),
        Tensor("visual.downsample", out * (width * merge**2 + 1)),
        Repeated("visual.blocks", block, depth),
        column("visual.merger.proj", out, out),
        *norms(out, "visual.merger.post_projection_norm", bias=True),
        *gated_mlp("visual.merger", out, vision.int("intermediate_size", minimum=1)),
    )


def _side(vision: ConfigReader, key: str) -> int:
    """A size that may be given as a number or as height and width."""
    stated = vision.raw(key)
    if isinstance(stated, list):
        if len(stated) != 2 or stated[0] != stated[1] or not isinstance(stated[0], int) or stated[0] < 1:
            raise NotUnderstoodError(f"{vision.name}: {vision.path}{key} is no square")
        return stated[0]
    return vision.int(key, minimum=1)
