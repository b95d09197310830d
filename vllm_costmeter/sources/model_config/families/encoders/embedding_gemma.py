"""EmbeddingGemma 2: Gemma 4's layers, whose tokens all see each other, behind its towers (vLLM 0.32,
embedding_gemma2.py)."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import Buffer, Embedding
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import (
    attention,
    column,
    gated_mlp,
    norms,
    replicated,
)
from vllm_costmeter.sources.model_config.families.dense.gemma import FOUR_NORMS
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import each_kind, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import attending
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table
from vllm_costmeter.sources.model_config.towers.gemma import embedding_gemma2 as towers
from vllm_costmeter.sources.model_config.towers.gemma import gemma_inputs

_HEAD_SIZE, _KV_HEADS = 256, 2  # of transformers' EmbeddingGemma2TextConfig (5.19), as the next
_GLOBAL_HEAD_SIZE, _GLOBAL_KV_HEADS = 512, 1
_EMBEDDING = 768


def embedding_gemma2(source: Source) -> Weights:
    """Wider heads in global layers, an input per layer made of the embedding alone, a projection at the end."""
    text, hidden, count = source.text, source.hidden_size, source.num_layers
    types = attending(layer_types(text, count, 6))
    types = (*types[:-1], "full_attention")  # its configuration class makes the last layer global
    kinds = [(kind, *_heads(source, kind, index)) for index, kind in enumerate(types)]
    narrow, name = text.int("hidden_size_per_layer_input", minimum=1), source.prefix
    return Weights(
        layers=tuple(each_kind(kinds, lambda kind: _layer(source, narrow, *kind))),
        layer_prefix=f"{name}layers.{{}}.",
        first=(Embedding(f"{name}embed_tokens", source.vocab_size, hidden),),
        last=(
            *norms(hidden, "norm"),
            column(f"{name}ple.per_layer_model_projection", hidden, count * narrow),
            *norms(narrow, "ple.per_layer_projection_norm"),
            replicated(
                f"{name}embedding_projection",
                hidden,
                text.int("embedding_dim", default=_EMBEDDING, minimum=1),
            ),
            Buffer("embed_scale", 1),
        ),
    )


def _heads(source: Source, kind: str, index: int) -> tuple[int, int]:
    """(size of a head, KV heads) of one layer."""
    text, own = source.text, _own(source.text, index)
    common = (source.head_size(_HEAD_SIZE), text.int("num_key_value_heads", default=_KV_HEADS, minimum=1))
    if kind == "full_attention" and not text.has("per_layer_config"):
        common = (
            text.int("global_head_dim", default=_GLOBAL_HEAD_SIZE, minimum=1),
            text.int("num_global_key_value_heads", default=_GLOBAL_KV_HEADS, minimum=1),
        )
    return (
        own.int("head_dim", default=common[0], minimum=1),
        own.int("num_key_value_heads", default=common[1], minimum=1),
    )


def _own(text: ConfigReader, index: int) -> ConfigReader:
    """What `per_layer_config` says of one layer."""
    layers = text.optional_section("per_layer_config")
    own = None if layers is None else layers.values.get(str(index))
    return ConfigReader(own if isinstance(own, Mapping) else {}, text.name, f"per_layer_config.{index}.")


def _layer(source: Source, narrow: int, kind: str, head_size: int, kv_heads: int) -> Layer:
    text, hidden = source.text, source.hidden_size
    bias = text.bool("attention_bias", default=False)
    parameters = rope_parameters(text, kind)
    if not text.has("rope_parameters"):
        parameters = replace(parameters, identity=kind)  # bases of their own
    rotary = rotary_table(head_size, source.max_position, parameters, ends_with_context=True)
    return layer_of(
        *attention(
            source,
            "self_attn",
            rotary,
            head_size=head_size,
            kv_heads=kv_heads,
            bias=bias,
            out_bias=bias,
            qk_norm="head",
            cached=False,
        ),
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, *FOUR_NORMS),
        replicated("ple_block.per_layer_input_gate", hidden, narrow),
        replicated("ple_block.per_layer_projection", narrow, hidden),
        *norms(hidden, "ple_block.post_per_layer_input_norm"),
        Buffer("layer_scalar", 1),
    )


EMBEDDING_GEMMA2 = Family(embedding_gemma2, towers, inputs=gemma_inputs, is_pooling=True, is_pipelined=False)
