"""SigLIP, and the projectors of PaliGemma, Idefics 3 and SmolVLM, Command A Vision and LFM2-VL (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import (
    INT64_BYTES,
    split_attention,
    two_layers,
    vision_section,
)


def siglip(
    source: Source,
    *,
    has_post_norm: bool = True,
    has_position_ids: bool = True,
    name: str = "vision_tower.vision_model",
    section: ConfigReader | None = None,
    depth: int | None = None,
) -> tuple[Part, ...]:
    """The SigLIP tower of Gemma 3 and others; `section`: its sizes, by default vision_config; `depth`: how many of its
    layers vLLM builds, by default all."""
    vision = section or vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_attention_heads", minimum=1)
    if depth is None:
        depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    patch = vision.int("patch_size", minimum=1)
    patches = vision.optional_int("num_patches", minimum=1)  # SigLIP 2 takes images of any shape
    positions = patches or (vision.int("image_size", minimum=1) // patch) ** 2
    pixels = vision.int("num_channels", default=3, minimum=1) * patch**2
    block = (
        *norms(width, "layer_norm1", "layer_norm2", bias=True),
        *split_attention("self_attn.qkv_proj", "self_attn.out_proj", width, heads, width // heads),
        *two_layers("mlp", width, vision.int("intermediate_size", minimum=1), "fc1", "fc2"),
    )
    return (
        Tensor(f"{name}.embeddings.patch_embedding", width * (pixels + 1)),
        Tensor(f"{name}.embeddings.position_embedding", positions * width),
        *((Buffer(f"{name}.embeddings.position_ids", positions, INT64_BYTES),) if has_position_ids else ()),
        *(norms(width, f"{name}.post_layernorm", bias=True) if has_post_norm else ()),
        Repeated(f"{name}.encoder.layers", block, depth),
    )


def paligemma(source: Source) -> tuple[Part, ...]:
    width = vision_section(source).int("hidden_size", minimum=1)
    out = vision_section(source).int("projection_dim", default=source.hidden_size, minimum=1)
    return (*siglip(source), replicated("multi_modal_projector.linear", width, out, bias=True))


def idefics3(source: Source) -> tuple[Part, ...]:
    """Idefics 3 and SmolVLM: patches are shuffled into fewer, wider ones."""
    width = vision_section(source).int("hidden_size", minimum=1)
    factor = source.root.int("scale_factor", default=2, minimum=1)
    projection = "model.connector.modality_projection.proj"
    return (
        *siglip(source, has_position_ids=False),
        replicated(projection, width * factor**2, source.hidden_size, quantized=False),
    )


def cohere2_vision(source: Source) -> tuple[Part, ...]:
    """Command A Vision: a gated projector."""
    width = vision_section(source).int("hidden_size", minimum=1)
    factor = source.root.int("downsample_factor", default=2, minimum=1)
    inner = source.root.int("alignment_intermediate_size", default=36864, minimum=2)
    name = "multi_modal_projector"
    return (
        *siglip(source),
        column(f"{name}.linear_1", width * factor**2, inner // 2, inner // 2, bias=True),
        row(f"{name}.linear_2", inner // 2, source.hidden_size, bias=True),
    )


def lfm2_vl(source: Source) -> tuple[Part, ...]:
    """LFM2-VL: SigLIP 2, and a projector that is whole on every rank."""
    vision, root = vision_section(source), source.root
    if vision.raw("model_type") != "siglip2_vision_model" or root.raw("vision_feature_layer") not in (
        None,
        -1,
    ):
        raise NotUnderstoodError(f"{root.name}: LFM2-VL with a tower that is not a whole SigLIP 2")
    merged = vision.int("hidden_size", minimum=1) * root.int("downsample_factor", default=2, minimum=1) ** 2
    inner, name = root.int("projector_hidden_size", default=2560, minimum=1), "multi_modal_projector"
    bias = root.bool("projector_bias", default=True)
    has_norm = root.bool("projector_use_layernorm", default=True)
    return (
        *siglip(source, has_position_ids=False),
        *(norms(merged, f"{name}.layer_norm", bias=True) if has_norm else ()),
        replicated(f"{name}.linear_1", merged, inner, bias=bias, quantized=False),
        replicated(f"{name}.linear_2", inner, source.hidden_size, bias=bias, quantized=False),
    )
