"""DeepSeek-OCR's tower: SAM's ViT-B before CLIP-L, of sizes that vLLM fixes (vLLM 0.32, deepencoder.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.parts import INT64_BYTES, split_attention, two_layers

_SAM_WIDTH, _SAM_HEAD, _SAM_PATCH, _SAM_GRID, _SAM_WINDOW = 768, 64, 16, 64, 14
_SAM_GLOBAL, _SAM_LOCAL = 4, 8  # layers that attend to the whole image, to windows
_NECK, _MIDDLE, _LAST = 256, 512, 1024  # channels of the convolutions behind them
_CLIP_WIDTH, _CLIP_HEADS, _CLIP_INNER, _CLIP_LAYERS = 1024, 16, 4096, 24
_CLIP_POSITIONS, _CLIP_PATCH = (224 // 14) ** 2 + 1, 14


def deep_encoder(source: Source) -> tuple[Part, ...]:
    """SAM and the projector are whole on every rank."""
    projector = source.root.optional_section("projector_config")
    if projector is None or projector.optional_str("projector_type") != "linear":
        raise NotUnderstoodError(f"{source.root.name}: DeepSeek-OCR with a projector that is not linear")
    inputs, out = projector.int("input_dim", minimum=1), projector.int("n_embed", minimum=1)
    return (
        *_sam(),
        *_clip(),
        replicated("projector.layers", inputs, out, bias=True, quantized=False),
        Tensor("image_newline", out),
        Tensor("view_seperator", out),  # vLLM's spelling
    )


def _sam() -> tuple[Part, ...]:
    width = _SAM_WIDTH
    return (
        Tensor("sam_model.patch_embed", width * (3 * _SAM_PATCH**2 + 1)),
        Tensor("sam_model.pos_embed", _SAM_GRID**2 * width),
        Repeated("sam_model.blocks.global", _sam_block(_SAM_GRID), _SAM_GLOBAL),
        Repeated("sam_model.blocks.local", _sam_block(_SAM_WINDOW), _SAM_LOCAL),
        Tensor("sam_model.neck", width * _NECK + 9 * _NECK**2 + 2 * 2 * _NECK),
        Tensor("sam_model.net_2", 9 * _NECK * _MIDDLE),
        Tensor("sam_model.net_3", 9 * _MIDDLE * _LAST),
    )


def _sam_block(side: int) -> tuple[Part, ...]:
    """Attention over a square of `side` patches, with an offset per distance in either direction."""
    width, inner = _SAM_WIDTH, 4 * _SAM_WIDTH
    return (
        *norms(width, "norm1", "norm2", bias=True),
        replicated("attn.qkv", width, 3 * width, bias=True, quantized=False),
        replicated("attn.proj", width, width, bias=True, quantized=False),
        Tensor("attn.rel_pos", 2 * (2 * side - 1) * _SAM_HEAD),
        replicated("mlp.lin1", width, inner, bias=True, quantized=False),
        replicated("mlp.lin2", inner, width, bias=True, quantized=False),
    )


def _clip() -> tuple[Part, ...]:
    width, name = _CLIP_WIDTH, "vision_model"
    block = (
        *norms(width, "layer_norm1", "layer_norm2", bias=True),
        *split_attention(
            "self_attn.qkv_proj", "self_attn.out_proj", width, _CLIP_HEADS, width // _CLIP_HEADS
        ),
        *two_layers("mlp", width, _CLIP_INNER, "fc1", "fc2"),
    )
    return (
        Tensor(f"{name}.embeddings", width * (1 + 3 * _CLIP_PATCH**2 + _CLIP_POSITIONS)),
        Buffer(f"{name}.embeddings.position_ids", _CLIP_POSITIONS, INT64_BYTES),
        *norms(width, f"{name}.pre_layrnorm", bias=True),
        Repeated(f"{name}.encoder.layers", block, _CLIP_LAYERS),
    )
