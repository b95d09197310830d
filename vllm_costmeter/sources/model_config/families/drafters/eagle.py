"""EAGLE heads: a layer or few behind the projection of an embedding beside a hidden state of the target (vLLM 0.32, its
`*_eagle.py` models). vLLM names them "Eagle" and the target's architecture."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Embedding, Part
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import gated_mlp, norms, replicated, row
from vllm_costmeter.sources.model_config.families.dense.cohere import cohere
from vllm_costmeter.sources.model_config.families.dense.style import LLAMA, dense, style_attention
from vllm_costmeter.sources.model_config.families.dense.styles import MINICPM
from vllm_costmeter.sources.model_config.families.layers import each_kind, layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import deepseek, routed_layer
from vllm_costmeter.sources.model_config.families.moe.llama4 import dense_llama4_layers
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import as_stated


def eagle(source: Source) -> Weights:
    """The first layer has no norm before its attention; the output head is the target's."""
    hidden = source.hidden_size
    halves = (
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, "post_attention_layernorm"),
    )

    def layer(kind: tuple[bool, int | None]) -> Layer:
        is_first, window = kind
        own = () if is_first else norms(hidden, "input_layernorm")
        return layer_of(*style_attention(source, LLAMA, window), *halves, *own)

    kinds = [(index == 0, window) for index, window in enumerate(as_stated(source))]
    return _head(source, each_kind(kinds, layer), _join(source))


def mistral(source: Source) -> Weights:
    """Whole layers of Mistral's, a divided projection and a norm of its own."""
    join = row("model.fc", 2 * source.hidden_size, source.hidden_size)
    return _head(source, dense(source, LLAMA).layers, join, *_norm(source))


def cohere_head(source: Source) -> Weights:
    """Layers of Command-R's, and a projection with a bias."""
    hidden = source.hidden_size
    join = replicated("model.fc", 2 * hidden, hidden, bias=True)
    return _head(source, cohere(source).layers, join, *_norm(source))


def minicpm(source: Source) -> Weights:
    """Layers of MiniCPM's, norms before the projection, and an output head of its own."""
    if source.text.int("num_experts", default=0):
        raise NotUnderstoodError(f"{source.text.name}: an EAGLE head of MiniCPM with experts is not known")
    around = norms(source.hidden_size, "model.input_norm1", "model.input_norm2", "model.norm")
    own_head = () if source.is_tied() else (_own_head(source),)
    return _head(source, MINICPM(source).layers, _join(source, quantized=False), *around, *own_head)


def llama4(source: Source) -> Weights:
    """Layers of Llama 4's without experts, which `no_rope_layers` counts from the head's own first, and an output head
    of the draft's vocabulary."""
    vocab = source.text.int("draft_vocab_size", default=source.vocab_size, minimum=1)
    own_head = _own_head(source, vocab)
    join = _join(source, quantized=False)
    return _head(source, dense_llama4_layers(source), join, *_norm(source), own_head)


def deepseek_v3(source: Source) -> Weights:
    """Layers of DeepSeek V3's, all with experts as they count on from the target's, and an output head."""
    layers = [routed_layer(source)] * source.num_layers
    around = norms(source.hidden_size, "model.enorm", "model.hnorm", "model.norm")
    return _head(source, layers, _join(source, quantized=False), *around, _own_head(source))


def mistral_large_3(source: Source) -> Weights:
    """Layers of Mistral Large 3's, dense as far as the head's own file says, and an output head."""
    join = row("model.fc", 2 * source.hidden_size, source.hidden_size)
    return _head(source, deepseek(source).layers, join, *_norm(source), _own_head(source))


def _head(source: Source, layers: list[Layer] | tuple[Layer, ...], join: Part, *last: Part) -> Weights:
    return Weights(
        layers=tuple(layers),
        layer_prefix="model.layers.{}.",
        first=(Embedding("model.embed_tokens", source.vocab_size, source.hidden_size), join),
        last=last,
    )


def _join(source: Source, *, quantized: bool = True) -> Part:
    hidden = source.hidden_size
    return replicated("model.fc", 2 * hidden, hidden, quantized=quantized)


def _norm(source: Source) -> tuple[Part, ...]:
    return norms(source.hidden_size, "model.norm")


def _own_head(source: Source, vocab: int | None = None) -> Embedding:
    return Embedding("lm_head", vocab or source.vocab_size, source.hidden_size, quantized=True)
