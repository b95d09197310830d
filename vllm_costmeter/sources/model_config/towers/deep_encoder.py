"""DeepSeek-OCR's towers: SAM's ViT-B before CLIP-L, or before a Qwen2 in DeepSeek-OCR 2, of sizes that vLLM fixes, and
the projector that they share with DeepSeek-VL2 (vLLM 0.32, deepencoder.py, deepencoder2.py, deepseek_vl2.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import INT64_BYTES, split_attention, two_layers

_SAM_WIDTH, _SAM_HEAD, _SAM_PATCH, _SAM_GRID, _SAM_WINDOW = 768, 64, 16, 64, 14
_SAM_GLOBAL, _SAM_LOCAL = 4, 8  # layers that attend to the whole image, to windows
_NECK, _MIDDLE, _LAST = 256, 512, 1024  # channels of the convolutions behind them
_CLIP_WIDTH, _CLIP_HEADS, _CLIP_INNER, _CLIP_LAYERS = 1024, 16, 4096, 24
_CLIP_POSITIONS, _CLIP_PATCH = (224 // 14) ** 2 + 1, 14
_QWEN_WIDTH, _QWEN_HEAD, _QWEN_KV_HEADS, _QWEN_INNER, _QWEN_LAYERS = 896, 64, 2, 4864, 24
_QWEN_QUERIES = 144 + 256  # one per patch of an image of 768 pixels, of 1,024


def deep_encoder(source: Source) -> tuple[Part, ...]:
    """SAM and the projector are whole on every rank."""
    projector, out = deepseek_projector(source)
    return (
        *_sam(_LAST),
        *_clip(),
        *projector,
        Tensor("image_newline", out),
        Tensor("view_seperator", out),  # vLLM's spelling
    )


def deep_encoder_2(source: Source) -> tuple[Part, ...]:
    """DeepSeek-OCR 2: every part is whole on every rank."""
    projector, out = deepseek_projector(source)
    return (*_sam(_QWEN_WIDTH), *_qwen2(), *projector, Tensor("view_seperator", out))


def deepseek_projector(source: Source) -> tuple[tuple[Part, ...], int]:
    """The projector, whole on every rank, and its width; NotUnderstoodError for a kind that vLLM refuses."""
    section = source.root.optional_section("projector_config") or ConfigReader({}, source.root.name)
    kind = section.optional_str("projector_type") or "downsample_mlp_gelu"
    inputs, out = (
        section.int("input_dim", default=1152, minimum=1),
        section.int("n_embed", default=2048, minimum=1),
    )
    if kind == "linear":
        return (replicated("projector.layers", inputs, out, bias=True, quantized=False),), out
    if kind != "downsample_mlp_gelu":
        raise NotUnderstoodError(
            f"{source.root.name}: a projector of type {kind[:40]!r} is not known to vLLM"
        )
    inner = out * section.int("mlp_ratio", default=1, minimum=1)
    between = section.int("depth", default=2, minimum=1, maximum=MAX_LAYERS) - 2
    merged = inputs * section.int("downsample_ratio", default=2, minimum=1) ** 2
    middle = (replicated("projector.layers", inner, inner, bias=True, quantized=False),)
    return (
        replicated("projector.layers.first", merged, inner, bias=True, quantized=False),
        *((Repeated("projector.layers", middle, between),) if between > 0 else ()),
        replicated("projector.layers.last", inner, out, bias=True, quantized=False),
    ), out


def _sam(last: int) -> tuple[Part, ...]:
    width = _SAM_WIDTH
    return (
        Tensor("sam_model.patch_embed", width * (3 * _SAM_PATCH**2 + 1)),
        Tensor("sam_model.pos_embed", _SAM_GRID**2 * width),
        Repeated("sam_model.blocks.global", _sam_block(_SAM_GRID), _SAM_GLOBAL),
        Repeated("sam_model.blocks.local", _sam_block(_SAM_WINDOW), _SAM_LOCAL),
        Tensor("sam_model.neck", width * _NECK + 9 * _NECK**2 + 2 * 2 * _NECK),
        Tensor("sam_model.net_2", 9 * _NECK * _MIDDLE),
        Tensor("sam_model.net_3", 9 * _MIDDLE * last),
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


def _qwen2() -> tuple[Part, ...]:
    """transformers' Qwen2 of 0.5B parameters without its vocabulary."""
    width, kv_width = _QWEN_WIDTH, _QWEN_KV_HEADS * _QWEN_HEAD
    block: tuple[Part, ...] = (
        *norms(width, "input_layernorm", "post_attention_layernorm"),
        replicated("self_attn.qkv_proj", width, width + 2 * kv_width, bias=True, quantized=False),
        replicated("self_attn.o_proj", width, width, quantized=False),
        replicated("mlp.gate_up_proj", width, 2 * _QWEN_INNER, quantized=False),
        replicated("mlp.down_proj", _QWEN_INNER, width, quantized=False),
    )
    name = "qwen2_model.model.model"
    return (
        Tensor("qwen2_model.query", _QWEN_QUERIES * width),
        Repeated(f"{name}.layers", block, _QWEN_LAYERS),
        *norms(width, f"{name}.norm"),
        Buffer(f"{name}.rotary_emb", 2 * (_QWEN_HEAD // 2), FLOAT32_BYTES),
    )
