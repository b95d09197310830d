"""MiniMax M3's tower: CLIP's blocks over pixels in time, a projector and a merger of patches (vLLM 0.26 to 0.33,
models/minimax_m3)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, norms, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import split_attention, vision_section


def minimax_m3_vision(source: Source) -> tuple[Part, ...]:
    """Both projections go through `projector_hidden_size`, or the text model's width where the file has none."""
    vision, hidden = vision_section(source), source.hidden_size
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_attention_heads", minimum=1)
    inner = vision.int("intermediate_size", minimum=1)
    depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    compression = vision.optional_section("img_token_compression_config")
    frames = 2 if compression is None else compression.int("temporal_patch_size", default=2, minimum=1)
    merge = 2 if compression is None else compression.int("spatial_merge_size", default=2, minimum=1)
    pixels = vision.int("num_channels", minimum=1) * frames * vision.int("patch_size", minimum=1) ** 2
    middle = source.root.optional_int("projector_hidden_size") or hidden
    size = width // heads
    block = (
        *norms(width, "layer_norm1", "layer_norm2", bias=True),
        *split_attention("self_attn.qkv_proj", "self_attn.out_proj", width, heads, size),
        column("fc1", width, inner, bias=True),
        row("fc2", inner, width, bias=True),
    )
    name = "vision_tower"
    return (
        Tensor(f"{name}.vision_model.embeddings.patch_embedding", pixels * width),
        *norms(width, f"{name}.vision_model.pre_layrnorm", bias=True),
        Buffer(f"{name}.vision_model.inv_freq", 3 * (size // 2 * 2 // 3 // 2), FLOAT32_BYTES),
        Repeated(f"{name}.vision_model.encoder.layers", block, depth),
        *_two_projections(f"{name}.multi_modal_projector", width, middle, hidden),
        *_two_projections(f"{name}.patch_merge_mlp", hidden * merge**2, middle, hidden),
    )


def _two_projections(name: str, inputs: int, middle: int, outputs: int) -> tuple[Part, ...]:
    return (
        column(f"{name}.linear_1", inputs, middle, bias=True),
        row(f"{name}.linear_2", middle, outputs, bias=True),
    )
