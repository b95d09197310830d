"""The towers of GLM-4.1V and GLM-4.5V, and of GLM-OCR (vLLM 0.32, glm4_1v.py and glm_ocr.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import column, gated_mlp, norms, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import (
    INT64_BYTES,
    ROPE_POSITIONS,
    split_attention,
    vision_section,
)


def glm4v(source: Source) -> tuple[Part, ...]:
    """GLM-4.1V's and 4.5V's tower: no biases, learned and rotary positions."""
    vision = vision_section(source)
    width = vision.int("hidden_size", minimum=1)
    out = vision.int("out_hidden_size", minimum=1)
    patch = vision.int("patch_size", default=14, minimum=1)
    positions = (vision.int("image_size", default=336, minimum=1) // patch) ** 2
    block = (
        *norms(width, "norm1", "norm2"),
        column("attn.qkv", width, width, width, width),
        row("attn.proj", width, width),
        *gated_mlp("mlp", width, out),  # vLLM: mlp_hidden_dim=vision_config.out_hidden_size
    )
    return (
        Tensor("visual.embeddings.position_embedding", positions, width),
        Buffer("visual.embeddings.position_ids", positions, INT64_BYTES),
        *norms(width, "visual.post_conv_layernorm"),
        *_tower(vision, block, vision.int("intermediate_size", minimum=1)),
    )


def glm_ocr(source: Source) -> tuple[Part, ...]:
    """GLM-OCR's tower: biases, norms of queries and keys, rotary positions alone; the merger is as wide inside as the
    language model's MLP."""
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_heads", minimum=1)
    block = (
        *norms(width, "norm1", "norm2"),
        *norms(width // heads, "attn.q_norm", "attn.k_norm"),
        *split_attention("attn.qkv", "attn.proj", width, heads, width // heads),
        *gated_mlp("mlp", width, vision.int("intermediate_size", minimum=1), bias=True),
    )
    return _tower(vision, block, source.intermediate_size)


def _tower(vision: ConfigReader, block: tuple[Part, ...], merger_width: int) -> tuple[Part, ...]:
    """What both have: patches, blocks, a convolution that downsamples, a gated merger."""
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_heads", minimum=1)
    depth = vision.int("depth", minimum=1, maximum=MAX_LAYERS)
    out = vision.int("out_hidden_size", minimum=1)
    patch = vision.int("patch_size", default=14, minimum=1)
    frames = vision.int("temporal_patch_size", default=2, minimum=1)
    merge = vision.int("spatial_merge_size", default=2, minimum=1)
    return (
        Tensor("visual.patch_embed.proj", width * (3 * frames * patch**2 + 1)),
        Buffer("visual.rotary_pos_emb", ROPE_POSITIONS * (width // heads // 2)),
        *norms(width, "visual.post_layernorm"),
        Tensor("visual.downsample", out * (width * merge**2 + 1)),
        Repeated("visual.blocks", block, depth),
        column("visual.merger.proj", out, out),
        *norms(out, "visual.merger.post_projection_norm", bias=True),
        *gated_mlp("visual.merger", out, merger_width),
    )
