"""The towers of the Phi models that see: CLIP of fixed sizes (phi3v.py), SigLIP of fixed sizes (phi4mm.py), SigLIP 2
(phi4siglip.py), in vLLM 0.32."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Part
from vllm_costmeter.sources.model_config.class_defaults import ClassDefaults
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.llava import clip_layers
from vllm_costmeter.sources.model_config.towers.parts import vision_section
from vllm_costmeter.sources.model_config.towers.phi_audio import audio
from vllm_costmeter.sources.model_config.towers.siglip import siglip

_CLIP = {
    "hidden_size": 1024,
    "image_size": 336,
    "intermediate_size": 4096,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "patch_size": 14,
}
"""Phi-3 Vision's, whatever the file says."""
_SIGLIP = {
    "hidden_size": 1152,
    "image_size": 448,
    "intermediate_size": 4304,
    "num_attention_heads": 16,
    "num_hidden_layers": 27,
    "patch_size": 14,
}
"""Phi-4 multimodal's, whatever the file says."""
_JOINED = 4  # patches that Phi-3 Vision's projection reads as one
_LAST_USED = -2  # layer_idx where the file says nothing, and always in Phi-4 with SigLIP 2


def phi3_vision(source: Source) -> tuple[Part, ...]:
    """CLIP, vectors that separate rows and images, and two matrices whole on every rank."""
    processor = source.root.optional_section("img_processor")
    if processor is None:
        raise NotUnderstoodError(f"{source.root.name}: img_processor is missing, so the tower has no size")
    vision, hidden = ConfigReader(_CLIP), source.hidden_size
    depth, name = _used_layers(processor, _CLIP["num_hidden_layers"]), "vision_embed_tokens"
    joined = _JOINED * processor.int("image_dim_out", minimum=1)
    is_whole = depth == _CLIP["num_hidden_layers"]
    last_norm = f"{name}.img_processor.vision_model.post_layernorm"
    return (
        *clip_layers(vision, depth, f"{name}.img_processor.vision_model"),
        *(norms(_CLIP["hidden_size"], last_norm, bias=True) if is_whole else ()),
        *norms(joined, f"{name}.glb_GN", f"{name}.sub_GN"),
        *_projection(f"{name}.img_projection", joined, hidden),
    )


def phi4_multimodal(source: Source) -> tuple[Part, ...]:
    """SigLIP, and a conformer that hears."""
    processor = source.root.optional_section("img_processor")
    depth, width = _used_layers(processor, _SIGLIP["num_hidden_layers"]), _SIGLIP["hidden_size"]
    name = "vision_encoder"
    return (
        *siglip(
            source,
            has_post_norm=False,
            has_position_ids=False,
            name=f"{name}.img_processor",
            section=ConfigReader(_SIGLIP),
            depth=depth,
        ),
        *norms(width, f"{name}.glb_GN", f"{name}.sub_GN"),
        *_projection(f"{name}.img_projection", width, source.hidden_size),
        *audio(source),
    )


def phi4_siglip2(source: Source) -> tuple[Part, ...]:
    """SigLIP 2 but for its last layer, and LLaVA's projector."""
    stated = vision_section(source)
    vision = ConfigReader(
        stated.values, stated.name, stated.path, ClassDefaults("siglip2_vision_model")
    )  # its class, whatever model_type the section names
    hidden, name = source.hidden_size, "multi_modal_projector"
    depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS) - 1
    return (
        *siglip(source, has_post_norm=False, has_position_ids=False, section=vision, depth=depth),
        column(f"{name}.linear_1", source.root.int("mm_hidden_size", minimum=1), hidden, bias=True),
        row(f"{name}.linear_2", hidden, hidden, bias=True),
    )


def _used_layers(processor: ConfigReader | None, depth: int) -> int:
    """The layers up to the one that `layer_idx` names, counted from the end where it is negative."""
    stated = None if processor is None else processor.raw("layer_idx")
    used = stated if isinstance(stated, int) and -depth <= stated < depth else _LAST_USED
    return depth + used + 1 if used < 0 else used + 1


def _projection(name: str, inputs: int, hidden: int) -> tuple[Part, ...]:
    return (
        replicated(f"{name}.0", inputs, hidden, bias=True, quantized=False),
        replicated(f"{name}.2", hidden, hidden, bias=True, quantized=False),
    )
