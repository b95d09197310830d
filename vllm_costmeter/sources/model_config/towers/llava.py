"""CLIP and Pixtral behind LLaVA's projectors, and Mistral 3's (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Linear, Output, Part, Repeated, Tensor
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, gated_mlp, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import (
    INT64_BYTES,
    split_attention,
    two_layers,
    used_layers,
    vision_section,
)
from vllm_costmeter.sources.model_config.towers.siglip import siglip


def clip(source: Source, name: str = "vision_tower.vision_model") -> tuple[Part, ...]:
    """CLIP up to the layer whose features are used, without its last norm."""
    vision = vision_section(source)
    if vision.raw("model_type") not in (None, "clip_vision_model"):
        raise NotUnderstoodError(f"{source.root.name}: LLaVA with a tower that is not CLIP")
    return clip_layers(vision, used_layers(source), name)


def clip_layers(vision: ConfigReader, depth: int, name: str) -> tuple[Part, ...]:
    """The first `depth` layers of CLIP."""
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_attention_heads", minimum=1)
    patch = vision.int("patch_size", minimum=1)
    positions = (vision.int("image_size", minimum=1) // patch) ** 2 + 1
    block = (
        *norms(width, "layer_norm1", "layer_norm2", bias=True),
        *split_attention("self_attn.qkv_proj", "self_attn.out_proj", width, heads, width // heads),
        *two_layers("mlp", width, vision.int("intermediate_size", minimum=1), "fc1", "fc2"),
    )
    return (
        Tensor(f"{name}.embeddings", width * (1 + 3 * patch**2 + positions)),
        Buffer(f"{name}.embeddings.position_ids", positions, INT64_BYTES),
        *norms(width, f"{name}.pre_layrnorm", bias=True),
        Repeated(f"{name}.encoder.layers", block, depth),
    )


def llava(source: Source) -> tuple[Part, ...]:
    """CLIP and two projections."""
    width, hidden = vision_section(source).int("hidden_size", minimum=1), source.hidden_size
    bias = source.root.bool("multimodal_projector_bias", default=True)
    return (
        *clip(source),
        column("multi_modal_projector.linear_1", width, hidden, bias=bias),
        row("multi_modal_projector.linear_2", hidden, hidden, bias=bias),
    )


def pixtral(source: Source, *, is_own: bool = False) -> tuple[Part, ...]:
    """Pixtral's tower, up to the layer whose features are used; `is_own`: in Mistral's own format, which uses all
    layers and makes the rotary table later."""
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_attention_heads", minimum=1)
    size = vision.int("head_dim", default=width // heads, minimum=1)
    patch = vision.int("patch_size", minimum=1)
    block = (
        *norms(width, "attention_norm", "ffn_norm"),
        Linear("attention.qkv_proj", width, (Output(heads, size),) * 3, "column"),
        row("attention.o_proj", heads * size, width),
        *gated_mlp("feed_forward", width, vision.int("intermediate_size", minimum=1)),
    )
    depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS) if is_own else used_layers(source)
    return (
        Tensor("vision_tower.patch_conv", 3 * patch**2 * width),
        *norms(width, "vision_tower.ln_pre"),
        Repeated("vision_tower.transformer.layers", block, depth),
        *(
            (Buffer("vision_tower.patch_positional_embedding", 2 * (size // 2), FLOAT32_BYTES),)
            if not is_own
            else ()
        ),
    )


def mistral3(source: Source) -> tuple[Part, ...]:
    """Pixtral's tower and the patch merger of Mistral Small 3.1 and later."""
    vision = vision_section(source)
    if vision.raw("model_type") not in (None, "pixtral"):
        raise NotUnderstoodError(f"{source.root.name}: Mistral 3 with a tower that is not Pixtral")
    width, hidden = vision.int("hidden_size", minimum=1), source.hidden_size
    merge = source.root.int("spatial_merge_size", default=2, minimum=1)
    bias = source.root.bool("multimodal_projector_bias", default=False)
    return (
        *pixtral(source),
        *norms(width, "multi_modal_projector.norm"),
        replicated("multi_modal_projector.patch_merger.merging_layer", width * merge**2, width),
        column("multi_modal_projector.linear_1", width, hidden, bias=bias),
        row("multi_modal_projector.linear_2", hidden, hidden, bias=bias),
    )


def llava_next(source: Source) -> tuple[Part, ...]:
    """LLaVA-NeXT: LLaVA and one vector that ends a row of patches."""
    return (*llava(source), Tensor("image_newline", source.hidden_size))


def llava_next_video(source: Source) -> tuple[Part, ...]:
    """LLaVA-NeXT-Video: CLIP before projections that every rank holds whole."""
    width = vision_section(source).int("hidden_size", minimum=1)
    return (*clip(source), *_whole_projector(source, width))


def _whole_projector(source: Source, width: int) -> tuple[Part, ...]:
    hidden = source.hidden_size
    bias = source.root.bool("multimodal_projector_bias", default=True)
    return (
        replicated("multi_modal_projector.linear_1", width, hidden, bias=bias, quantized=False),
        replicated("multi_modal_projector.linear_2", hidden, hidden, bias=bias, quantized=False),
    )


def llava_onevision(source: Source) -> tuple[Part, ...]:
    """LLaVA-OneVision: SigLIP without its last norm."""
    if vision_section(source).raw("model_type") != "siglip_vision_model":
        raise NotUnderstoodError(f"{source.root.name}: LLaVA-OneVision with a tower that is not SigLIP")
    width = vision_section(source).int("hidden_size", minimum=1)
    return (
        *siglip(source, has_post_norm=False, depth=used_layers(source)),
        Tensor("image_newline", source.hidden_size),
        *_whole_projector(source, width),
    )


def llava_any(source: Source) -> tuple[Part, ...]:
    """LLaVA with CLIP, or with Pixtral's tower (the transformers form of Pixtral 12B)."""
    if vision_section(source).raw("model_type") != "pixtral":
        return llava(source)
    hidden = source.hidden_size
    width = vision_section(source).int("hidden_size", minimum=1)
    bias = source.root.bool("multimodal_projector_bias", default=True)
    return (
        *pixtral(source),
        column("multi_modal_projector.linear_1", width, hidden, bias=bias),
        row("multi_modal_projector.linear_2", hidden, hidden, bias=bias),
    )
