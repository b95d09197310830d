"""Zamba 2: Mamba 2 layers, some beside one of a few shared blocks of attention with adapters for each use (vLLM 0.17 to
0.33, zamba2.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import FullAttention
from vllm_costmeter.core.model.parts import AttentionScales, Linear, Part, Repeated
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import column, gated_mlp, norms, replicated, row
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.hybrid.mixers import mamba2
from vllm_costmeter.sources.model_config.families.layers import Block, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_MOST_BLOCKS = 64  # more is a corrupt file


def zamba2(source: Source) -> Weights:
    """`layers_block_type` says which layers use a shared block, which reads the embedding beside the hidden state."""
    text, hidden = source.text, source.hidden_size
    kinds = text.optional_list("layers_block_type") or ()
    if len(kinds) != source.num_layers:
        raise BadInputError(f"{text.name}: layers_block_type must name each of {source.num_layers} layers")
    mamba = (*_mamba2(source), *norms(hidden, "input_layernorm"))
    built = {False: layer_of(*mamba), True: layer_of(*mamba, *_use(source))}
    shared = Repeated(
        "model.blocks", _shared(source), text.int("num_mem_blocks", minimum=1, maximum=_MOST_BLOCKS)
    )
    return language_model(
        source,
        [built[kind == "hybrid"] for kind in kinds],
        tied=source.is_tied(True),
        extra_first=(shared,),
    )


def _mamba2(source: Source) -> Block:
    text = source.text
    heads = text.int("n_mamba_heads", default=8, minimum=1)
    inner = text.int("mamba_expand", default=2, minimum=1) * source.hidden_size
    return mamba2(
        source,
        "mixer",
        heads=heads,
        head_size=inner // heads,
        groups=text.int("mamba_ngroups", default=1, minimum=1),
        state_size=text.int("mamba_d_state", default=64, minimum=1),
        kernel=text.int("mamba_d_conv", default=4, minimum=1),
        bias=text.bool("add_bias_linear", default=False),
        conv_bias=text.bool("use_conv_bias", default=True),
    )


def _attention_width(source: Source) -> int:
    return source.text.int("attention_hidden_size", default=2 * source.hidden_size, minimum=1)


def _shared(source: Source) -> tuple[Part, ...]:
    text, hidden, width = source.text, source.hidden_size, _attention_width(source)
    heads = source.num_heads
    size = width // heads
    bias = text.bool("add_bias_linear", default=False)
    table = rotary_table(size, source.max_position, rope_parameters(text))
    return (
        Linear("qkv_proj", width, (Output(heads, size),) * 3, "column"),
        row("o_proj", width, hidden),
        *gated_mlp("feed_forward", hidden, source.intermediate_size, bias),
        *norms(2 * hidden, "input_layernorm"),
        *norms(hidden, "pre_ff_layernorm"),
        *((table,) if text.bool("use_mem_rope", default=False) else ()),
    )


def _use(source: Source) -> Block:
    """What one use of a shared block adds: adapters of its projections, keys and values, a projection behind it."""
    text, hidden, width = source.text, source.hidden_size, _attention_width(source)
    rank, heads = text.int("adapter_rank", minimum=1), source.num_heads
    parts: list[Part] = [
        column("gate_up_proj_adapter.A", hidden, rank),
        column("gate_up_proj_adapter.B", rank, source.intermediate_size, source.intermediate_size),
        replicated("linear", hidden, hidden),
        AttentionScales("attn"),
    ]
    if text.bool("use_shared_attention_adapter", default=False):
        for name in ("q", "k", "v"):
            parts += [
                column(f"linear_{name}_adapter.A", width, rank),
                column(f"linear_{name}_adapter.B", rank, width),
            ]
    return (*parts, FullAttention(heads, width // heads))


ZAMBA2 = Family(zamba2, is_pipelined=False)
