"""HunYuan-VL's tower, which transformers' own code runs, whole on every rank (vLLM 0.32, 0.33; transformers 5.19)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import vision_section

_MAX_IMAGE_SIZE, _TEXT_WIDTH = 2048, 3072  # defaults of HunYuanVLVisionConfig


def hunyuan_vl(source: Source) -> tuple[Part, ...]:
    """Learned positions for the largest image, blocks, and a merger of two convolutions with four marks."""
    vision = vision_section(source)
    width, patch = vision.int("hidden_size", minimum=1), vision.int("patch_size", minimum=1)
    channels = vision.int("num_channels", default=3, minimum=1)
    edge = vision.int("max_image_size", default=_MAX_IMAGE_SIZE, minimum=1) // patch
    merge = vision.int("spatial_merge_size", default=2, minimum=1)
    text_width = vision.int("text_hidden_size", default=_TEXT_WIDTH, minimum=1)
    inner = vision.int("intermediate_size", minimum=1)
    depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    block: tuple[Part, ...] = (
        *norms(width, "layer_norm1", "layer_norm2", bias=True),
        replicated("self_attn.q_proj", width, width, bias=True),
        replicated("self_attn.k_proj", width, width, bias=True),
        replicated("self_attn.v_proj", width, width, bias=True),
        replicated("self_attn.o_proj", width, width, bias=True),
        replicated("mlp.fc1", width, inner, bias=True),
        replicated("mlp.fc2", inner, width, bias=True),
    )
    name = "model.vision_tower"
    return (
        Tensor(f"{name}.embeddings", width, channels * patch * patch + 1 + edge * edge + 1),
        Repeated(f"{name}.layers", block, depth),
        Tensor(f"{name}.patch_merger.proj_conv", 2 * width, width * merge * merge + 1),
        Tensor(f"{name}.patch_merger.proj_out", 4 * width, 2 * width + 1),
        replicated(f"{name}.patch_merger.mlp", 4 * width, text_width, bias=True),
        Tensor(f"{name}.patch_merger.marks", 4 * width + 3 * text_width),
        *norms(width, f"{name}.patch_merger.before_rms"),
        *norms(text_width, f"{name}.patch_merger.after_rms"),
    )
