"""Models around SigLIP, CLIP or Pixtral towers: PaliGemma, Idefics 3 and SmolVLM, LLaVA-NeXT and OneVision, Command A
Vision (vLLM 0.32)."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.architectures.architecture import Builder
from vllm_costmeter.sources.model_config.architectures.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.architectures.vision import siglip, vision_section
from vllm_costmeter.sources.model_config.architectures.vision_towers import llava, pixtral


def text_of(builders: Mapping[str, Builder], default: str = "") -> Builder:
    """The language model that the file's text section names by its `model_type`; vLLM builds it by its own class
    (`init_vllm_registered_model`)."""

    def build(source: Source) -> Weights:
        model_type = source.text.optional_str("model_type") or default
        if model_type not in builders:
            raise NotUnderstoodError(
                f"{source.root.name}: a language model of type {model_type[:40]!r} behind this tower is not known"
            )
        return builders[model_type](source)

    return build


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


def llava_next(source: Source) -> tuple[Part, ...]:
    """LLaVA-NeXT: LLaVA and one vector that ends a row of patches."""
    return (*llava(source), Tensor("image_newline", source.hidden_size))


def llava_onevision(source: Source) -> tuple[Part, ...]:
    """LLaVA-OneVision: SigLIP without its last norm."""
    if vision_section(source).raw("model_type") != "siglip_vision_model":
        raise NotUnderstoodError(f"{source.root.name}: LLaVA-OneVision with a tower that is not SigLIP")
    hidden = source.hidden_size
    width = vision_section(source).int("hidden_size", minimum=1)
    bias = source.root.bool("multimodal_projector_bias", default=True)
    return (
        *siglip(source, has_post_norm=False),
        Tensor("image_newline", hidden),
        replicated("multi_modal_projector.linear_1", width, hidden, bias=bias, quantized=False),
        replicated("multi_modal_projector.linear_2", hidden, hidden, bias=bias, quantized=False),
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
