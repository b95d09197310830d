"""Dense decoders that differ from Llama in more than biases: Command-R, GLM 4, Nemotron's searched Llamas."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.attention import FullAttention
from vllm_costmeter.core.model.parts import AttentionScales, Linear, Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.architectures.blocks import (
    attention,
    gated_mlp,
    norms,
    replicated,
    row,
)
from vllm_costmeter.sources.model_config.architectures.layers import (
    EDGES,
    Block,
    Piece,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.architectures.windows import (
    Windows,
    by_type,
    full_everywhere,
    stated_window,
)
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_GLM4_NORMS = (
    "input_layernorm",
    "post_attention_layernorm",
    "post_self_attn_layernorm",
    "post_mlp_layernorm",
)
_COHERE_FULL_EVERY = 4  # layer_types of transformers' Cohere2Config, 5.x
_MLP_MULTIPLE = 256  # _find_multiple in vLLM's nemotron_nas.py


def cohere(source: Source) -> Weights:
    """Command-R and Command-R7B/A: attention and MLP side by side behind one norm; the head is the embedding."""
    head_size = source.head_size()
    rotary = rotary_table(head_size, source.max_position, rope_parameters(source.text))
    with_norms = source.text.bool("use_qk_norm", default=False)
    rest = (
        *gated_mlp("mlp", source.hidden_size, source.intermediate_size),
        *norms(source.hidden_size, "input_layernorm"),
    )

    def layer(window: int | None) -> Layer:
        attends = attention(
            "self_attn",
            source.hidden_size,
            source.num_heads,
            source.num_kv_heads,
            head_size,
            rotary,
            qk_norm="all" if with_norms else "none",
            window=window,
        )
        return layer_of(*attends, *rest)

    layers = each_kind(cohere_windows(source), layer)
    return language_model(source, layers, tied=source.is_tied(True), on_every_rank=EDGES)


def cohere_windows(source: Source) -> Windows:
    """A window in three of four layers where one is stated, one token wider than that (`cohere2.py`)."""
    window = stated_window(source.text)
    if window is None:
        return full_everywhere(source)
    return by_type(layer_types(source.text, source.num_layers, _COHERE_FULL_EVERY), window + 1)


def glm4(source: Source) -> Weights:
    """GLM 4 (0414): four norms, half of each head rotated, gate and up fused in the checkpoint."""
    head_size = source.head_size()
    rotary = rotary_table(head_size, source.max_position, rope_parameters(source.text, default_partial=0.5))
    layer = layer_of(
        *attention(
            "self_attn",
            source.hidden_size,
            source.num_heads,
            source.num_kv_heads,
            head_size,
            rotary,
            bias=source.text.bool("attention_bias", default=False),
        ),
        *gated_mlp("mlp", source.hidden_size, source.intermediate_size, fused_from=()),
        *norms(source.hidden_size, *_GLM4_NORMS),
    )
    return language_model(source, [layer] * source.num_layers, tied=source.is_tied())


def minicpm3(source: Source) -> Weights:
    """MiniCPM 3: latent projections, but keys and values of every head are cached."""
    text, hidden, heads = source.text, source.hidden_size, source.num_heads
    q_rank, kv_rank = text.int("q_lora_rank", minimum=1), text.int("kv_lora_rank", minimum=1)
    nope, rope = text.int("qk_nope_head_dim", minimum=1), text.int("qk_rope_head_dim", minimum=1)
    value = text.int("v_head_dim", default=hidden // heads, minimum=1)
    name = "self_attn"
    layer = layer_of(
        replicated(f"{name}.q_a_proj", hidden, q_rank),
        *norms(q_rank, f"{name}.q_a_layernorm"),
        Linear(f"{name}.q_b_proj", q_rank, (Output(heads, nope + rope),), "column"),
        replicated(f"{name}.kv_a_proj_with_mqa", hidden, kv_rank + rope),
        *norms(kv_rank, f"{name}.kv_a_layernorm"),
        Linear(f"{name}.kv_b_proj", kv_rank, (Output(heads, nope + value),), "column"),
        row(f"{name}.o_proj", heads * value, hidden),
        AttentionScales(f"{name}.attn"),
        FullAttention(heads, nope + rope),  # values are stored as wide as keys
        rotary_table(rope, source.max_position, rope_parameters(text)),
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, "input_layernorm", "post_attention_layernorm"),
    )
    return language_model(source, [layer] * source.num_layers, tied=source.is_tied(True), on_every_rank=EDGES)


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
