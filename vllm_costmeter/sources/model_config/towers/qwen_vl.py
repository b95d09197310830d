"""The towers of Qwen2-VL, Qwen2.5-VL, Qwen3-VL and Qwen3.5, and of EXAONE 4.5 and HyperCLOVA X (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.model import ImageTower
from vllm_costmeter.core.model.parts import Buffer, Linear, Output, Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import column, gated_mlp, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import (
    ROPE_POSITIONS,
    split_attention,
    two_layers,
    vision_section,
)


def qwen2_5_vl(source: Source) -> tuple[Part, ...]:
    """Gated MLPs with biases, norms without; the merger ends in the language model's width."""
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_heads", minimum=1)
    block = (
        *norms(width, "norm1", "norm2"),
        *split_attention("attn.qkv", "attn.proj", width, heads, width // heads),
        *gated_mlp("mlp", width, vision.int("intermediate_size", minimum=1), bias=True),
    )
    depth = vision.int("depth", minimum=1, maximum=MAX_LAYERS)
    return _qwen(source, block, width=width, heads=heads, depth=depth, norm_bias=False)


def exaone4_5(source: Source) -> tuple[Part, ...]:
    """Qwen2.5-VL's tower, whose query heads share keys and values."""
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_heads", minimum=1)
    kv_heads, size = vision.int("num_key_value_heads", minimum=1), width // heads
    shares = (Output(heads, size), *(Output(kv_heads, size, replicated=True),) * 2)
    block = (
        *norms(width, "norm1", "norm2"),
        Linear("attn.qkv", width, shares, "column", bias=True),
        row("attn.proj", width, width, bias=True),
        *gated_mlp("mlp", width, vision.int("intermediate_size", minimum=1), bias=True),
    )
    depth = vision.int("depth", minimum=1, maximum=MAX_LAYERS)
    return _qwen(source, block, width=width, heads=heads, depth=depth, norm_bias=False)


def qwen2_vl(source: Source, *, has_merger: bool = True) -> tuple[Part, ...]:
    """Plain MLPs of `mlp_ratio` times the width."""
    vision = vision_section(source)
    width, heads = vision.int("embed_dim", minimum=1), vision.int("num_heads", minimum=1)
    inner = width * vision.int("mlp_ratio", default=4, minimum=1)
    block = (
        *norms(width, "norm1", "norm2", bias=True),
        *split_attention("attn.qkv", "attn.proj", width, heads, width // heads),
        *two_layers("mlp", width, inner, "fc1", "fc2"),
    )
    depth = vision.int("depth", minimum=1, maximum=MAX_LAYERS)
    parts = _qwen(source, block, width=width, heads=heads, depth=depth, norm_bias=True)
    return (
        parts if has_merger else tuple(part for part in parts if not part.name.startswith("visual.merger."))
    )


def _qwen(
    source: Source,
    block: tuple[Part, ...],
    *,
    width: int,
    heads: int,
    depth: int,
    norm_bias: bool,
) -> tuple[Part, ...]:
    vision = vision_section(source)
    out_key = "hidden_size" if vision.has("embed_dim") else "out_hidden_size"
    out = vision.int(out_key, default=source.hidden_size, minimum=1)
    merged = width * vision.int("spatial_merge_size", default=2, minimum=1) ** 2
    patch = (
        vision.int("in_channels", "in_chans", default=3, minimum=1)
        * vision.int("temporal_patch_size", default=2, minimum=1)
        * vision.int("patch_size", "spatial_patch_size", default=14, minimum=1) ** 2
    )
    return (
        Tensor("visual.patch_embed.proj", width * patch),
        *norms(width, "visual.merger.ln_q", bias=norm_bias),
        column("visual.merger.mlp.0", merged, merged, bias=True),
        row("visual.merger.mlp.2", merged, out, bias=True),
        Buffer("visual.rotary_pos_emb", ROPE_POSITIONS * (width // heads // 2)),
        Repeated("visual.blocks", block, depth),
    )


def qwen3_vl(source: Source) -> tuple[Part, ...]:
    """Qwen3-VL and Qwen3.5: a ViT, a patch merger and, in Qwen3-VL, mergers that feed deeper layers."""
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_heads", minimum=1)
    depth = vision.int("depth", minimum=1, maximum=MAX_LAYERS)
    out = vision.int("out_hidden_size", minimum=1)
    merged = width * vision.int("spatial_merge_size", default=2, minimum=1) ** 2
    deepstack = len(vision.optional_list("deepstack_visual_indexes") or [])
    patch = (
        vision.int("in_channels", "in_chans", default=3, minimum=1)
        * vision.int("temporal_patch_size", default=2, minimum=1)
        * vision.int("patch_size", default=16, minimum=1) ** 2
    )
    head_size = width // heads
    parts: list[Part] = [
        Tensor("visual.patch_embed.proj", width * (patch + 1)),
        Tensor("visual.pos_embed", vision.int("num_position_embeddings", minimum=1) * width),
        *_merger("visual.merger", width, merged, out),
        Buffer("visual.rotary_pos_emb", ROPE_POSITIONS * (head_size // 2)),
    ]
    for index in range(deepstack):
        parts += _merger(f"visual.deepstack_merger_list.{index}", merged, merged, out)
    block = (
        *norms(width, "norm1", "norm2", bias=True),
        *split_attention("attn.qkv", "attn.proj", width, heads, head_size),
        *two_layers("mlp", width, vision.int("intermediate_size", minimum=1), "linear_fc1", "linear_fc2"),
    )
    return (*parts, Repeated("visual.blocks", block, depth))


def image_tower(source: Source) -> ImageTower:
    """Qwen2-VL has its width in `embed_dim` and its output in `hidden_size`, later models in `hidden_size` and
    `out_hidden_size`."""
    vision = vision_section(source)
    width, out = (
        ("embed_dim", "hidden_size") if vision.has("embed_dim") else ("hidden_size", "out_hidden_size")
    )
    return ImageTower(
        width=vision.int(width, minimum=1),
        output_width=vision.int(out, default=source.hidden_size, minimum=1),
        patch_size=vision.int("patch_size", "spatial_patch_size", default=14, minimum=1),
        mergers=1 + len(vision.optional_list("deepstack_visual_indexes") or []),
    )


def _merger(name: str, norm_width: int, merged: int, out: int) -> tuple[Part, ...]:
    return (
        *norms(norm_width, f"{name}.norm", bias=True),
        column(f"{name}.linear_fc1", merged, merged, bias=True),
        row(f"{name}.linear_fc2", merged, out, bias=True),
    )


def hyperclovax(source: Source) -> tuple[Part, ...]:
    """HyperCLOVA X: Qwen2.5-VL's tower, then one more projection, which every rank holds whole."""
    out = vision_section(source).int("out_hidden_size", minimum=1)
    projection = replicated("mm_projector", out, source.hidden_size, bias=True, quantized=False)
    return (*qwen2_5_vl(source), projection)
