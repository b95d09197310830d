"""Dense decoders of before Llama: GPT-2, GPT-J, OPT (vLLM 0.32). Most are built whole on every pipeline rank at their
edges."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Embedding, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import QKV, attention, mlp, norms, replicated
from vllm_costmeter.sources.model_config.families.layers import EDGES, Block, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_OPT_OFFSET = 2  # OPTLearnedPositionalEmbedding keeps two rows more than positions

MLP_FACTOR = 4  # inner size over hidden size where the file states none


def gpt2(source: Source) -> Weights:
    """GPT-2: learned positions, biases everywhere, the head is the embedding."""
    hidden = source.hidden_size
    positions = Tensor("transformer.wpe", source.max_position, hidden)
    layer = layer_of(
        *many_heads(source, "attn", out="c_proj", bias=True),
        *mlp("mlp", hidden, inner_size(source, "n_inner"), bias=True, names=("c_fc", "c_proj")),
        *norms(hidden, "ln_1", "ln_2", bias=True),
    )
    return whole(source, layer, "transformer.h.{}.", "transformer.wte", tied=True, extra=(positions,))


def gpt_j(source: Source) -> Weights:
    """GPT-J: attention and MLP side by side behind one norm; a head with a bias."""
    text, hidden = source.text, source.hidden_size
    size = source.head_size()
    table = rotary_table(
        size,
        source.max_position,
        rope_parameters(text),
        rotary_dim=text.int("rotary_dim", default=64, minimum=1, maximum=size),
    )
    layer = layer_of(
        *many_heads(source, "attn", out="out_proj", bias=False),
        table,
        *mlp("mlp", hidden, inner_size(source, "n_inner"), bias=True, names=("fc_in", "fc_out")),
        *norms(hidden, "ln_1", bias=True),
    )
    if source.is_tied():
        raise NotUnderstoodError(f"{text.name}: GPT-J with a tied head, which vLLM refuses")
    return whole(source, layer, "transformer.h.{}.", "transformer.wte", tied=False, head_bias=True)


def opt(source: Source) -> Weights:
    """OPT: learned positions; narrower embeddings between two projections in one of its sizes."""
    text, hidden = source.text, source.hidden_size
    width = text.int("word_embed_proj_dim", default=hidden, minimum=1)
    bias = text.bool("enable_bias", default=True)
    extra: list[Part] = [Tensor("positions", source.max_position + _OPT_OFFSET, hidden)]
    if width != hidden:
        extra += [replicated("project_in", width, hidden), replicated("project_out", hidden, width)]
    before = text.bool("do_layer_norm_before", default=True)
    if before and not text.bool("_remove_final_layer_norm", default=False):
        extra += norms(hidden, "final_layer_norm", bias=True)
    layer = layer_of(
        *many_heads(source, "self_attn", out="out_proj", bias=bias, fused_from=QKV),
        *mlp("layer", hidden, source.intermediate_size, bias=bias, names=("fc1", "fc2")),
        *norms(hidden, "self_attn_layer_norm", "final_layer_norm", bias=True),
    )
    embedding = Embedding("model.decoder.embed_tokens", source.vocab_size, width)
    head = () if source.is_tied(True) else (Embedding("lm_head", source.vocab_size, width, quantized=True),)
    return Weights(
        layers=(layer,) * source.num_layers,
        layer_prefix="model.decoder.layers.{}.",
        first=(),
        last=(),
        everywhere=(embedding, *extra, *head),
        is_tied=source.is_tied(True),
    )


def many_heads(source: Source, name: str, *, out: str, bias: bool, fused_from: tuple[str, ...] = ()) -> Block:
    """As many key heads as query heads, mostly in one matrix of the checkpoint."""
    heads = source.num_heads
    return attention(
        name,
        source.hidden_size,
        heads,
        heads,
        source.head_size(),
        None,
        bias=bias,
        out_bias=bias,
        out_name=out,
        fused_from=fused_from,
    )


def inner_size(source: Source, key: str) -> int:
    return source.text.int(key, default=MLP_FACTOR * source.hidden_size, minimum=1)


def whole(
    source: Source,
    layer: Layer,
    prefix: str,
    embedding: str,
    *,
    tied: bool,
    head_bias: bool = False,
    extra: tuple[Part, ...] = (),
) -> Weights:
    """Every edge on every pipeline rank, norms with biases."""
    return language_model(
        source,
        [layer] * source.num_layers,
        tied=source.is_tied(tied),
        embedding=embedding,
        layer_prefix=prefix,
        head_bias=head_bias,
        final_norm=norms(source.hidden_size, "transformer.ln_f", bias=True),
        extra_everywhere=extra,
        on_every_rank=EDGES,
    )
