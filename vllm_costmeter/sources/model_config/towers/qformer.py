"""BLIP-2's Q-Former and its tower, and the Q-Formers of Granite Vision 4 (vLLM 0.32, blip.py, blip2.py,
granite4_vision.py). Every Q-Former is whole on every rank."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Linear, Part, Repeated, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.whole_number import whole_number
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import two_layers, vision_section
from vllm_costmeter.sources.model_config.towers.siglip import siglip

_GRANITE_INNER, _SPATIAL = 3072, 4  # Granite Vision 4: width of its Q-Formers' MLPs, offsets within a window


def blip2(source: Source) -> tuple[Part, ...]:
    section = source.root.optional_section("qformer_config")
    if section is None:
        raise NotUnderstoodError(
            f"{source.root.name}: qformer_config is missing, so the Q-Former has no size"
        )
    width = section.int("hidden_size", minimum=1)
    seen, inner = section.int("encoder_hidden_size", minimum=1), section.int("intermediate_size", minimum=1)
    depth = section.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    every = section.int("cross_attention_frequency", minimum=1)
    crossed = -(-depth // every)
    plain, crossing = _block(width, inner, None), _block(width, inner, seen)
    return (
        *_blip(source),
        Tensor("query_tokens", source.root.int("num_query_tokens", default=32, minimum=1) * width),
        *norms(width, "qformer.layernorm", bias=True),
        Repeated("qformer.encoder.layer.crossing", crossing, crossed),
        *((Repeated("qformer.encoder.layer", plain, depth - crossed),) if depth > crossed else ()),
        replicated("language_projection", width, source.hidden_size, bias=True, quantized=False),
    )


def _blip(source: Source) -> tuple[Part, ...]:
    vision, name = vision_section(source), "vision_model"
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_attention_heads", minimum=1)
    patch = vision.int("patch_size", minimum=1)
    positions = (vision.int("image_size", minimum=1) // patch) ** 2 + 1
    block = (
        *norms(width, "layer_norm1", "layer_norm2", bias=True),
        Linear(
            "self_attn.qkv",
            width,
            (Output(heads, width // heads),) * 3,
            "column",
            vision.bool("qkv_bias", default=True),
        ),
        row("self_attn.projection", width, width, bias=True),
        *two_layers("mlp", width, vision.int("intermediate_size", minimum=1), "fc1", "fc2"),
    )
    return (
        Tensor(f"{name}.embeddings", width * (1 + 3 * patch**2 + 1 + positions)),
        Repeated(
            f"{name}.encoder.layers", block, vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
        ),
        *norms(width, f"{name}.post_layernorm", bias=True),
    )


def _block(width: int, inner: int, seen: int | None) -> tuple[Part, ...]:
    """A layer of a Q-Former; `seen`: the width of what it looks at, None for a layer that does not look."""
    attended = [("attention", width), *((("crossattention", seen),) if seen is not None else ())]
    parts: list[Part] = []
    for name, keys in attended:
        parts += (
            replicated(f"{name}.attention.query", width, width, bias=True, quantized=False),
            replicated(f"{name}.attention.key_value", keys, 2 * width, bias=True, quantized=False),
            replicated(f"{name}.output.dense", width, width, bias=True, quantized=False),
            *norms(width, f"{name}.output.LayerNorm", bias=True),
        )
    return (
        *parts,
        replicated("intermediate_query.dense", width, inner, bias=True, quantized=False),
        replicated("output_query.dense", inner, width, bias=True, quantized=False),
        *norms(width, "output_query.LayerNorm", bias=True),
    )


def granite4_vision(source: Source) -> tuple[Part, ...]:
    """SigLIP without its last norm; one Q-Former per pair of layers of tower and decoder, and one per offset."""
    pairs = source.root.optional_list("deepstack_layer_map") or []
    rate = str(source.root.raw("downsample_rate") or "").split("/")
    sides = [side for each in rate if (side := whole_number(each)) is not None]
    if not pairs or len(rate) != 2 or len(sides) != 2:
        raise NotUnderstoodError(f"{source.root.name}: deepstack_layer_map or downsample_rate is missing")
    width, hidden = vision_section(source).int("hidden_size", minimum=1), source.hidden_size
    patches = sum(side**2 for side in sides)
    sampler = (
        *norms(width, "qformer.layernorm", "norm", bias=True),
        *_block(width, _GRANITE_INNER, width),
        Tensor("query", patches * width),
        replicated("out_linear", width, hidden, bias=True, quantized=False),
    )
    return (
        *siglip(source, has_post_norm=False),
        Tensor("image_newline", hidden),
        Repeated("layerwise_projectors", sampler, len(pairs)),
        Repeated("spatial_projectors", sampler, _SPATIAL),
    )
