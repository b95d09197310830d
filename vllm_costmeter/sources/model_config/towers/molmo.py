"""The towers of Molmo and Molmo 2, with the attention that pools patches and a gated projector (vLLM 0.32: molmo.py,
molmo2.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Linear, Output, Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import column, norms, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import two_layers

_NAME = "vision_backbone"

_WIDTH, _HEADS, _LAYERS, _INNER, _POSITIONS, _PATCH = 1024, 16, 23, 4096, 577, 14
"""Molmo's tower is CLIP-L at 336 pixels, whatever the file says (its VisionBackboneConfig)."""
_READ_LAYERS = 2  # VIT_LAYERS: layers whose features the pooling reads side by side


def molmo(source: Source) -> tuple[Part, ...]:
    pooled, inner = _READ_LAYERS * _WIDTH, source.intermediate_size // 2
    vit = f"{_NAME}.image_vit"
    block = (
        *_attention("attention", _WIDTH),
        *two_layers("feed_forward", _WIDTH, _INNER, "w1", "w2"),
        *norms(_WIDTH, "attention_norm", "ffn_norm", bias=True),
    )
    return (
        Tensor(f"{vit}.embeddings", _WIDTH * (1 + _POSITIONS + 3 * _PATCH**2)),
        *norms(_WIDTH, f"{vit}.pre_ln", bias=True),
        Repeated(f"{vit}.transformer.resblocks", block, _LAYERS),
        *_attention(f"{_NAME}.image_pooling_2d", pooled),
        *_projector(_WIDTH, inner, source.hidden_size),
        Tensor(f"{_NAME}.pad_embed", 2 * pooled),
    )


def _attention(name: str, inputs: int) -> tuple[Part, ...]:
    """Queries, keys and values apart, each divided by heads."""
    return (
        *(column(f"{name}.{part}", inputs, _WIDTH, bias=True) for part in ("wq", "wk", "wv")),
        row(f"{name}.wo", _WIDTH, _WIDTH, bias=True),
    )


def molmo2(source: Source) -> tuple[Part, ...]:
    """A tower up to the deepest layer that is read."""
    vision, adapter = _section(source.root, "vit_config"), _section(source.root, "adapter_config")
    width = vision.int("hidden_size", minimum=1)
    depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    read = [
        layer if layer >= 0 else layer + depth
        for layer in adapter.optional_list("vit_layers") or []
        if isinstance(layer, int)
    ]
    if not read:
        raise NotUnderstoodError(f"{adapter.name}: {adapter.path}vit_layers names no layer")
    vit = f"{_NAME}.image_vit"
    pixels = 3 * vision.int("image_patch_size", minimum=1) ** 2
    positions = vision.int("image_num_pos", minimum=1)
    return (
        Tensor(f"{vit}.embeddings", width * (positions + pixels + 1)),
        Repeated(f"{vit}.transformer.resblocks", _block(vision, width), min(depth, max(read) + 1)),
        *_pooling(adapter, width * len(read)),
        *_projector(
            adapter.int("hidden_size", minimum=1),
            adapter.int("intermediate_size", minimum=1),
            adapter.int("text_hidden_size", minimum=1),
        ),
    )


def _block(vision: ConfigReader, width: int) -> tuple[Part, ...]:
    heads, size = vision.int("num_attention_heads", minimum=1), vision.int("head_dim", minimum=1)
    kv_heads = vision.int("num_key_value_heads", default=heads, minimum=1)
    shares = (Output(heads, size), *(Output(kv_heads, size, replicated=True),) * 2)
    return (
        Linear("attention.merged_qkv", width, shares, "column", bias=True, fused_from=("wq", "wk", "wv")),
        row("attention.wo", heads * size, width, bias=True),
        *two_layers("feed_forward", width, vision.int("intermediate_size", minimum=1), "w1", "w2"),
        *norms(width, "attention_norm", "ffn_norm", bias=True),
    )


def _pooling(adapter: ConfigReader, inputs: int) -> tuple[Part, ...]:
    heads, size = adapter.int("num_attention_heads", minimum=1), adapter.int("head_dim", minimum=1)
    kept = adapter.int("num_key_value_heads", default=heads, minimum=1) * size
    name = f"{_NAME}.image_pooling_2d"
    return (
        column(f"{name}.q_proj", inputs, heads * size, bias=True),
        column(f"{name}.merged_kv", inputs, kept, kept, bias=True, fused_from=("k_proj", "v_proj")),
        row(f"{name}.o_proj", heads * size, adapter.int("hidden_size", minimum=1), bias=True),
    )


def _projector(width: int, inner: int, out: int) -> tuple[Part, ...]:
    name = f"{_NAME}.image_projector"
    return (
        column(f"{name}.merged_linear", width, inner, inner, fused_from=("gate_proj", "up_proj")),
        row(f"{name}.down_proj", inner, out),
    )


def _section(root: ConfigReader, key: str) -> ConfigReader:
    section = root.optional_section(key)
    if section is None:
        raise NotUnderstoodError(f"{root.name}: {key} is missing, so the tower has no size")
    return section
