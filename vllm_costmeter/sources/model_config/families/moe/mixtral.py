"""Decoders with experts on every layer, every pipeline rank holding embedding and head: Mixtral, OLMoE, Phi-3.5-MoE,
DBRX, Command A (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    W_NAMES,
    attention,
    experts,
    gated_mlp,
    norms,
    router,
)
from vllm_costmeter.sources.model_config.families.dense.cohere import cohere_windows
from vllm_costmeter.sources.model_config.families.dense.style import Style, style_attention, windowed
from vllm_costmeter.sources.model_config.families.layers import EDGES, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import model_window
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def mixtral(source: Source) -> Weights:
    """Mixtral: every layer has experts."""
    count = source.text.int("num_local_experts", minimum=1)
    rest = (
        router("block_sparse_moe.gate", source.hidden_size, count),
        experts(
            "block_sparse_moe.experts",
            count,
            source.hidden_size,
            source.intermediate_size,
            checkpoint_names=W_NAMES,
        ),
        *norms(source.hidden_size, *TWO_NORMS),
    )
    layers = windowed(source, Style(qkv_bias=False, out_bias=False), rest)
    return language_model(source, layers, tied=source.is_tied(), on_every_rank=EDGES)


def olmoe(source: Source) -> Weights:
    """OLMoE: norms over all heads together."""
    count = source.text.int("num_experts", minimum=1)
    layer = layer_of(
        *style_attention(source, Style(qk_norm="whole"), model_window(source)),
        router("mlp.gate", source.hidden_size, count),
        experts("mlp.experts", count, source.hidden_size, source.intermediate_size),
        *norms(source.hidden_size, *TWO_NORMS),
    )
    return language_model(source, [layer] * source.num_layers, tied=source.is_tied(), on_every_rank=EDGES)


def phi_moe(source: Source) -> Weights:
    """Phi-3.5-MoE: norms with biases, and a head with one where the file says so."""
    text, hidden = source.text, source.hidden_size
    count = text.int("num_local_experts", minimum=1)
    name = "block_sparse_moe"
    rest = (
        router(f"{name}.gate", hidden, count),
        experts(f"{name}.experts", count, hidden, source.intermediate_size, checkpoint_names=W_NAMES),
        *norms(hidden, *TWO_NORMS, bias=True),
    )
    return language_model(
        source,
        windowed(source, Style(), rest),
        tied=source.is_tied(),
        head_bias=text.bool("lm_head_bias", default=False),
        final_norm=norms(hidden, "model.norm", bias=True),
        on_every_rank=EDGES,
    )


def dbrx(source: Source) -> Weights:
    """DBRX: attention and experts have sections of their own."""
    hidden = source.hidden_size
    inner, heads = source.text.optional_section("ffn_config"), source.text.optional_section("attn_config")
    if inner is None or heads is None:
        raise BadInputError(f"{source.text.name}: attn_config and ffn_config are needed")
    count = inner.int("moe_num_experts", minimum=1)
    name = "norm_attn_norm"
    size = hidden // source.num_heads
    rope = rope_parameters(heads)
    layer = layer_of(
        *attention(
            source,
            f"{name}.attn",
            rotary_table(size, source.max_position, rope),
            kv_heads=heads.int("kv_n_heads", minimum=1),
            head_size=size,
            out_name="out_proj",
            fused_from=(),
        ),
        *norms(hidden, f"{name}.norm_1", f"{name}.norm_2"),
        router("ffn.router.layer", hidden, count),
        experts("ffn.experts", count, hidden, inner.int("ffn_hidden_size", minimum=1)),
    )
    return language_model(
        source,
        [layer] * source.num_layers,
        tied=source.is_tied(),
        embedding="transformer.wte",
        layer_prefix="transformer.blocks.{}.",
        on_every_rank=EDGES,
    )


def cohere2_moe(source: Source) -> Weights:
    """Command A's mixture: one norm before attention and experts; dense layers where `mlp_layer_types` says so."""
    text, hidden = source.text, source.hidden_size
    count = text.int("num_experts", minimum=1)
    kinds = text.optional_list("mlp_layer_types") or []
    if text.int("num_shared_experts", default=0) or set(map(str, kinds)) - {"dense", "sparse"}:
        raise NotUnderstoodError(
            f"{text.name}: Cohere 2 MoE with shared experts or unusual layers is not known"
        )
    width = text.int("prefix_dense_intermediate_size", default=source.intermediate_size, minimum=1)
    routed = (
        router("mlp.gate", hidden, count),
        experts("mlp.experts", count, hidden, source.intermediate_size),
    )

    def layer(kind: tuple[int | None, bool]) -> Layer:
        window, is_dense = kind
        half = gated_mlp("mlp", hidden, width) if is_dense else routed
        return layer_of(*style_attention(source, Style(), window), *norms(hidden, "input_layernorm"), *half)

    built = [
        (window, index < len(kinds) and kinds[index] == "dense")
        for index, window in enumerate(cohere_windows(source))
    ]
    return language_model(source, each_kind(built, layer), tied=source.is_tied(True), on_every_rank=EDGES)
