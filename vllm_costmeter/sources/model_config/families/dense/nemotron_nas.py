"""Llama-Nemotron, whose layers were searched (vLLM 0.32, nemotron_nas.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, gated_mlp, norms
from vllm_costmeter.sources.model_config.families.layers import (
    Block,
    Piece,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_MLP_MULTIPLE = 256  # _find_multiple in vLLM's nemotron_nas.py


def deci(source: Source) -> Weights:
    """Llama-Nemotron: `block_configs` says of each layer whether it attends and how wide its MLP is."""
    blocks = source.text.optional_list("block_configs") or []
    if len(blocks) < source.num_layers or not all(isinstance(block, dict) for block in blocks):
        raise BadInputError(f"{source.text.name}: block_configs needs one object per layer")
    readers = [
        ConfigReader(blocks[index], source.text.name, f"block_configs.{index}.")
        for index in range(source.num_layers)
    ]
    kinds = [(_group_size(source, block), _mlp_width(source, block)) for block in readers]
    layers = each_kind(kinds, lambda kind: layer_of(*_deci_parts(source, *kind)))
    return language_model(source, layers, tied=source.is_tied())


def _group_size(source: Source, block: ConfigReader) -> int:
    """Query heads per key head; 0 where the layer does not attend."""
    section = block.optional_section("attention")
    if section is None or section.bool("no_op", default=False):
        return 0
    if section.bool("replace_with_linear", default=False):
        raise NotUnderstoodError(f"{source.text.name}: {block.path}attention is replaced by a linear layer")
    return section.int("n_heads_in_group", minimum=1, maximum=source.num_heads)


def _mlp_width(source: Source, block: ConfigReader) -> int:
    """Intermediate size; 0 where the layer has no MLP."""
    section = block.optional_section("ffn")
    if section is None or section.bool("no_op", default=False):
        return 0
    if section.bool("replace_with_linear", default=False):
        raise NotUnderstoodError(f"{source.text.name}: {block.path}ffn is replaced by a linear layer")
    if not section.has("ffn_mult"):
        return section.int("intermediate_size", minimum=1)
    multiple = section.float("ffn_mult", default=0.0)
    if not 0.0 < multiple < 1024.0:
        raise BadInputError(f"{source.text.name}: {section.path}ffn_mult must lie in (0, 1024)")
    width = int(2 * multiple * source.hidden_size / 3)
    return -(-width // _MLP_MULTIPLE) * _MLP_MULTIPLE


def _deci_parts(source: Source, group: int, width: int) -> Block:
    parts: list[Piece] = []
    bias = source.text.bool("attention_bias", "bias", default=False)
    if group:
        head_size = source.head_size()
        parts += attention(
            "self_attn",
            source.hidden_size,
            source.num_heads,
            source.num_heads // group,
            head_size,
            rotary_table(head_size, source.max_position, rope_parameters(source.text)),
            bias=bias,
            out_bias=bias,
        )
        parts += norms(source.hidden_size, "input_layernorm")
    if width:
        mlp_bias = source.text.bool("mlp_bias", default=False)
        parts += gated_mlp("mlp", source.hidden_size, width, mlp_bias)
        parts += norms(source.hidden_size, "post_attention_layernorm")
    return tuple(parts)
