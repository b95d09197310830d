"""CLIP and SigLIP: an encoder of text beside an encoder of images, one vector for either (vLLM 0.32, clip.py,
siglip.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Embedding, Part, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, mlp, norms, replicated
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.llava import clip as clip_tower
from vllm_costmeter.sources.model_config.towers.parts import INT64_BYTES, two_layers, vision_section
from vllm_costmeter.sources.model_config.towers.siglip import siglip as siglip_tower


def clip_text(source: Source) -> Weights:
    """Its text is read in order, so that its layers have caches."""
    shared = source.root.int("projection_dim", minimum=1)
    projection = replicated("text_projection", source.hidden_size, shared, quantized=False)
    return _text(source, projection, is_cached=True)


def clip_image(source: Source) -> tuple[Part, ...]:
    width, name = vision_section(source).int("hidden_size", minimum=1), "vision_model"
    shared = source.root.int("projection_dim", minimum=1)
    return (
        *clip_tower(source, name),
        *norms(width, f"{name}.post_layernorm", bias=True),
        replicated("visual_projection", width, shared, quantized=False),
    )


def siglip_text(source: Source) -> Weights:
    hidden = source.hidden_size
    out = source.text.int("projection_size", default=hidden, minimum=1)
    positions = Buffer("text_model.embeddings.position_ids", source.max_position, INT64_BYTES)
    head = replicated("text_model.head", hidden, out, bias=True, quantized=False)
    return _text(source, positions, head, is_cached=False)


def siglip_image(source: Source) -> tuple[Part, ...]:
    """With the head that pools patches by attention, which is whole on every rank but for its MLP."""
    vision, name = vision_section(source), "vision_model"
    tower = siglip_tower(source, name=name)
    if not vision.bool("vision_use_head", default=True):
        return tower
    width, inner = vision.int("hidden_size", minimum=1), vision.int("intermediate_size", minimum=1)
    return (
        *tower,
        Tensor(f"{name}.head.probe", width),
        replicated(f"{name}.head.attention.in_proj", width, 3 * width, bias=True, quantized=False),
        replicated(f"{name}.head.attention.out_proj", width, width, bias=True, quantized=False),
        *norms(width, f"{name}.head.layernorm", bias=True),
        *two_layers(f"{name}.head.mlp", width, inner, "fc1", "fc2"),
    )


def _text(source: Source, *around: Part, is_cached: bool) -> Weights:
    hidden = source.hidden_size
    layer = layer_of(
        *attention(
            source, "self_attn", None, bias=True, out_bias=True, out_name="out_proj", cached=is_cached
        ),
        *mlp("mlp", hidden, source.intermediate_size, bias=True, names=("fc1", "fc2")),
        *norms(hidden, "layer_norm1", "layer_norm2", bias=True),
    )
    return Weights(
        layers=(layer,) * source.num_layers,
        layer_prefix="text_model.encoder.layers.{}.",
        first=(
            Embedding("text_model.embeddings.token_embedding", source.vocab_size, hidden),
            Embedding("text_model.embeddings.position_embedding", source.max_position, hidden),
        ),
        last=(*norms(hidden, "text_model.final_layer_norm", bias=True), *around),
    )


CLIP = Family(clip_text, clip_image, is_pooling=True, is_pipelined=False)
SIGLIP = Family(siglip_text, siglip_image, is_pooling=True, is_pipelined=False)
