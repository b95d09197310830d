"""Mixtures that vLLM serves by transformers' own code: FlexOlmo since 0.30 and Mellum 2 since 0.32, before by classes
of its own, and Kolibri 1 since 0.33 (`_TRANSFORMERS_SUPPORTED_MODELS`; transformers 5.20.0)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import Buffer
from vllm_costmeter.core.model.transformers_backend import run_by_transformers
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import TWO_NORMS, experts, gated_mlp, norms, router
from vllm_costmeter.sources.model_config.families.dense.style import Style, dense_attention, style_rotary
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import as_stated, interleaved
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_MELLUM = Style(qk_norm="head")
_KOLIBRI = Style(qkv_bias=False, out_bias=False, qk_norm="head", head_size=128)
_KOLIBRI_FULL_EVERY, _KOLIBRI_WINDOW = 5, 513  # defaults of Kolibri1Config
_FLEX_OLMO = Style(qk_norm="whole")
_OUTER_NORMS = ("post_attention_layernorm", "post_feedforward_layernorm")


def mellum(source: Source) -> Weights:
    """Windows by `layer_types`, which rotate by frequencies of their own; experts by `mlp_layer_types`, everywhere by
    default."""
    text, hidden = source.text, source.hidden_size
    width = text.int("moe_intermediate_size", minimum=1)
    sparse = _experts(source, width)

    def layer(kind: tuple[int | None, bool]) -> Layer:
        window, routes = kind
        half = sparse if routes else gated_mlp("mlp", hidden, source.intermediate_size)
        attends = dense_attention(source, _MELLUM, _frequencies(source, window), window)
        return layer_of(*attends, *norms(hidden, *TWO_NORMS), *half)

    stated = text.optional_list("mlp_layer_types") or ["sparse"] * source.num_layers
    kinds = zip(as_stated(source), (kind == "sparse" for kind in stated), strict=False)
    return run_by_transformers(language_model(source, each_kind(kinds, layer), tied=source.is_tied()))


def flex_olmo(source: Source) -> Weights:
    """OLMo 2's attention and norms around experts."""
    layer = layer_of(
        *dense_attention(source, _FLEX_OLMO, style_rotary(source, _FLEX_OLMO)),
        *norms(source.hidden_size, *_OUTER_NORMS),
        *_experts(source, source.intermediate_size),
    )
    return run_by_transformers(language_model(source, [layer] * source.num_layers, tied=source.is_tied()))


def kolibri1(source: Source) -> Weights:
    """Every fifth layer attends to all tokens; experts beside a shared one, and four norms."""
    text, hidden = source.text, source.hidden_size
    count = text.int("num_local_experts", "num_experts", minimum=1)
    rest = (
        *_experts(source, text.int("moe_intermediate_size", minimum=1)),
        Buffer("mlp.gate.e_score_correction_bias", count, FLOAT32_BYTES),
        *gated_mlp("mlp.shared_experts", hidden, text.int("shared_expert_intermediate_size", minimum=1)),
        *norms(hidden, *TWO_NORMS, "post_self_attn_layernorm", "post_mlp_layernorm"),
    )
    windows = interleaved(_KOLIBRI_FULL_EVERY, _KOLIBRI_WINDOW)(source)
    table = style_rotary(source, _KOLIBRI)
    layers = each_kind(
        windows, lambda window: layer_of(*dense_attention(source, _KOLIBRI, table, window), *rest)
    )
    return run_by_transformers(language_model(source, layers, tied=source.is_tied()))


def _experts(source: Source, width: int) -> Block:
    count = source.text.int("num_local_experts", "num_experts", minimum=1)
    return (
        router("mlp.gate", source.hidden_size, count),
        experts("mlp.experts", count, source.hidden_size, width),
    )


def _frequencies(source: Source, window: int | None) -> Buffer:
    kind = "full_attention" if window is None else "sliding_attention"
    table = rotary_table(source.head_size(), source.max_position, rope_parameters(source.text, kind))
    return replace(table, name=f"{table.name} of {kind}")
