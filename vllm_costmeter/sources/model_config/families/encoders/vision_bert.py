"""Encoders that answer with a narrow vector per token of text or patch of an image: ModernVBERT (vLLM 0.32,
colmodernvbert.py) and UltraVBERT (vLLM 0.33, colultravbert.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import Buffer, Part
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    attention,
    gated_mlp,
    norms,
    replicated,
)
from vllm_costmeter.sources.model_config.families.encoders.modern_bert import modern_bert
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.pooling import embedder, projected
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import attending
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table
from vllm_costmeter.sources.model_config.towers.parts import vision_section
from vllm_costmeter.sources.model_config.towers.siglip import siglip

_FULL_EVERY = 3  # layer_types of vLLM 0.33's UltraBertConfig


def modern_vbert_image(source: Source) -> tuple[Part, ...]:
    return (
        *siglip(source, name="vision_model.vision_model"),
        replicated("connector.proj", _shuffled(source), source.hidden_size, quantized=False),
    )


def ultra_vbert_image(source: Source) -> tuple[Part, ...]:
    has_norm = source.root.bool("connector_norm", default=True)
    return (
        *siglip(source, name="vision_model.vision_model"),
        replicated("connector.modality_projection", _shuffled(source), source.hidden_size),
        *(norms(source.hidden_size, "connector.norm") if has_norm else ()),
    )


def _shuffled(source: Source) -> int:
    """The width of as many patches as are joined to one."""
    factor = source.root.int("pixel_shuffle_factor", default=4, minimum=1)
    return vision_section(source).int("hidden_size", minimum=1) * factor**2


def ultra_bert(source: Source) -> Weights:
    """A Llama whose tokens all see each other, local and global layers with rotary tables of their own."""
    text, hidden = source.text, source.hidden_size
    bias, mlp_bias = text.bool("attention_bias", default=False), text.bool("mlp_bias", default=False)
    rest = (*gated_mlp("mlp", hidden, source.intermediate_size, mlp_bias), *norms(hidden, *TWO_NORMS))
    tables = {kind: _table(source, kind) for kind in ("full_attention", "sliding_attention")}
    layers = each_kind(
        attending(layer_types(text, source.num_layers, _FULL_EVERY)),
        lambda kind: layer_of(
            *attention(source, "self_attn", tables[kind], bias=bias, out_bias=bias, cached=False), *rest
        ),
    )
    return language_model(source, layers, tied=False)


def _table(source: Source, kind: str) -> Buffer:
    """A table of each kind's own: a file without rotary parameters has two bases (vLLM 0.33's UltraBertConfig)."""
    stated = rope_parameters(source.text, kind)
    return rotary_table(
        source.head_size(), source.max_position, replace(stated, identity=stated.identity + kind)
    )


MODERN_VBERT = Family(
    projected(modern_bert, "embedding_dim", default=128, bias=True),
    modern_vbert_image,
    is_pooling=True,
    is_pipelined=False,
)
ULTRA_VBERT = Family(embedder(ultra_bert), ultra_vbert_image, is_pooling=True, is_pipelined=False)
