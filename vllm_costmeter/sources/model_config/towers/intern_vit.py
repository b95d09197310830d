"""InternVL's own tower (vLLM 0.32, intern_vit.py), with the projectors of the models around it."""

from __future__ import annotations

from typing import Literal

from vllm_costmeter.core.model.parts import Linear, Part, Repeated, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import two_layers, vision_section

Projector = Literal["internvl", "skywork", "nvlm"]
NVLM_DUMMY_HEADS = 7
"""Heads that NVLM-D's 25 are filled up with, so that 8 GPUs divide them (vLLM 0.32, nvlm_d.py)."""


def intern_vision_model(source: Source) -> tuple[Part, ...]:
    """As InternVLChatModel, H2OVL and Qianfan-OCR build it."""
    return _tower(source, "internvl")


def skywork_vision_model(source: Source) -> tuple[Part, ...]:
    """The same tower, before a projector that checkpoints may quantize."""
    return _tower(source, "skywork")


def nvlm_vision_model(source: Source) -> tuple[Part, ...]:
    """The same tower with dummy heads, before a wide projector without biases."""
    return _tower(source, "nvlm")


def _tower(source: Source, kind: Projector) -> tuple[Part, ...]:
    vision = vision_section(source)
    width = vision.int(
        "hidden_size", default=3200, minimum=1
    )  # defaults: InternVisionConfig, OpenGVLab, 2024
    patch = vision.int("patch_size", default=14, minimum=1)
    patches = (vision.int("image_size", default=224, minimum=1) // patch) ** 2
    block = _block(vision, width, NVLM_DUMMY_HEADS if kind == "nvlm" else 0)
    return (
        Tensor("vision_model.embeddings", width * (1 + 1 + 3 * patch**2 + patches + 1)),
        Repeated("vision_model.encoder.layers", block, _depth(source, vision)),
        *_projector(source, width, kind),
    )


def _block(vision: ConfigReader, width: int, dummy_heads: int) -> tuple[Part, ...]:
    heads = vision.int("num_attention_heads", default=25, minimum=1)
    size = width // heads
    inner = vision.int("intermediate_size", default=12800, minimum=1)
    total = heads + dummy_heads
    is_layer_norm = (vision.optional_str("norm_type") or "rms_norm") == "layer_norm"
    has_qk_norm = vision.bool("qk_normalization", default=True)
    return (
        Linear(
            "attn.qkv", width, (Output(total, size),) * 3, "column", vision.bool("qkv_bias", default=False)
        ),
        row("attn.proj", total * size, width, bias=True),
        *(norms(total * size, "attn.q_norm", "attn.k_norm") if has_qk_norm else ()),
        *two_layers("mlp", width, inner, "fc1", "fc2"),
        *norms(width, "norm1", "norm2", bias=is_layer_norm),
        *norms(width, "ls1", "ls2"),
    )


def _depth(source: Source, vision: ConfigReader) -> int:
    """The layers up to the one whose output is used (`select_layer`, -1: the last)."""
    depth = vision.int("num_hidden_layers", default=48, minimum=1, maximum=MAX_LAYERS)
    chosen = source.root.raw("select_layer")
    layer = chosen if isinstance(chosen, int) and -depth <= chosen < depth else -1
    return depth + layer + 1 if layer < 0 else layer + 1


def _projector(source: Source, width: int, kind: Projector) -> tuple[Part, ...]:
    ratio = source.root.float("downsample_ratio", default=0.5)
    merged = width * int(1 / ratio) ** 2 if 0.0 < ratio <= 1.0 else width
    hidden = source.hidden_size
    inner = source.intermediate_size if kind == "nvlm" else hidden
    has_bias, quantized = kind != "nvlm", kind == "skywork"
    return (
        *norms(merged, "mlp1.0", bias=True),
        replicated("mlp1.1", merged, inner, bias=has_bias, quantized=quantized),
        replicated("mlp1.3", inner, hidden, bias=has_bias, quantized=quantized),
    )
