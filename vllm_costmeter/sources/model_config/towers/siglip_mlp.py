"""SigLIP before a projector of two layers: Llama Nemotron VL's embedders, Eagle 2.5, Isaac, BAGEL, Bee, R."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Part, Tensor
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import (
    used_layers,
    vision_section,
)
from vllm_costmeter.sources.model_config.towers.siglip import siglip

_BAGEL_LAYERS = 26  # of the 27 that its file states, its checkpoint holds 26 (bagel.py)


def llama_nemotron_vl(source: Source) -> tuple[Part, ...]:
    """The whole tower, its last norm, and what normalizes pixels on the GPU (from 0.32 on)."""
    return (
        *siglip(source, name="vision_model.vision_model"),
        *_shuffled(source),
        Buffer("input_norm", 2 * 3, FLOAT32_BYTES),
    )


def eagle2_5_vl(source: Source) -> tuple[Part, ...]:
    """The tower up to `select_layer`; it has its last norm where that is the last layer."""
    depth = vision_section(source).int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    chosen = source.root.raw("select_layer")
    layer = chosen if isinstance(chosen, int) and -depth <= chosen < depth else -1
    used = depth + layer + 1 if layer < 0 else layer + 1
    name = "vision_model.vision_model"
    return (*siglip(source, has_post_norm=used == depth, name=name, depth=used), *_shuffled(source))


def _shuffled(source: Source) -> tuple[Part, ...]:
    """Patches side by side as one, then two layers that every rank holds whole."""
    ratio = source.root.float("downsample_ratio", default=0.5)
    side = int(1 / ratio) if 0.0 < ratio <= 1.0 else 1
    merged, hidden = vision_section(source).int("hidden_size", minimum=1) * side**2, source.hidden_size
    return (
        *norms(merged, "mlp1.0", bias=True),
        replicated("mlp1.1", merged, hidden, bias=True, quantized=False),
        replicated("mlp1.3", hidden, hidden, bias=True, quantized=False),
    )


def isaac(source: Source) -> tuple[Part, ...]:
    """SigLIP 2 for images of any shape."""
    vision, name = vision_section(source), "vision_embedding"
    factor = vision.int("pixel_shuffle_scale_factor", default=1, minimum=1)
    merged = vision.int("hidden_size", minimum=1) * factor**2
    return (
        *siglip(source, has_position_ids=False, name=f"{name}.transformer"),
        column(f"{name}.linear_fc1", merged, 4 * merged),
        row(f"{name}.linear_fc2", 4 * merged, source.hidden_size),
    )


def bagel(source: Source) -> tuple[Part, ...]:
    """Only what understands images: vLLM leaves out what generates them."""
    root, hidden = source.root, source.hidden_size
    if not root.bool("visual_und", default=True):
        return ()
    vision = root.optional_section("vit_config")
    if vision is None:
        raise NotUnderstoodError(f"{root.name}: vit_config is missing, so the tower has no size")
    depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    side = root.int("vit_max_num_patch_per_side", default=70, minimum=1)
    depth = _BAGEL_LAYERS if depth == _BAGEL_LAYERS + 1 else depth
    return (
        *siglip(source, name="vit_model.vision_model", section=vision, depth=depth),
        column("connector.fc1", vision.int("hidden_size", minimum=1), hidden, bias=True),
        row("connector.fc2", hidden, hidden, bias=True),
        Buffer("vit_pos_embed.pos_embed", side**2 * hidden, FLOAT32_BYTES),
    )


def bee(source: Source) -> tuple[Part, ...]:
    """A projector of four times the language model's width."""
    return _one_vision(source, 4 * source.hidden_size)


def rvl(source: Source) -> tuple[Part, ...]:
    """A projector of the language model's width."""
    return _one_vision(source, source.hidden_size)


def _one_vision(source: Source, inner: int) -> tuple[Part, ...]:
    """LLaVA-OneVision's SigLIP before a norm and a projector, whole on every rank."""
    if vision_section(source).raw("model_type") != "siglip_vision_model":
        raise NotUnderstoodError(f"{source.root.name}: Bee or R with a tower that is not SigLIP")
    width, hidden = vision_section(source).int("hidden_size", minimum=1), source.hidden_size
    name = "multi_modal_projector"
    return (
        *siglip(source, has_post_norm=False, depth=used_layers(source)),
        Tensor("image_newline", hidden),
        *norms(width, f"{name}.pre_norm", bias=True),
        replicated(f"{name}.linear_1", width, inner, bias=True, quantized=False),
        replicated(f"{name}.linear_2", inner, hidden, bias=True, quantized=False),
    )
