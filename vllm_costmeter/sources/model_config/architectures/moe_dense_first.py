"""Decoders whose first layers are dense and whose others route to experts, mostly beside a shared one: GLM 4.5, the
first DeepSeek, Ling, ERNIE 4.5, EXAONE, Hunyuan 3, Trinity (vLLM 0.32's model code)."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.architectures.blocks import (
    QKNorm,
    column,
    experts,
    gated_mlp,
    norms,
    router,
)
from vllm_costmeter.sources.model_config.architectures.dense import (
    Names,
    Style,
    dense_attention,
    style_attention,
    style_rotary,
)
from vllm_costmeter.sources.model_config.architectures.layers import (
    EDGES,
    Block,
    Edge,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.architectures.windows import as_listed, as_stated
from vllm_costmeter.sources.model_config.layer_types import layer_types

_TWO_NORMS = ("input_layernorm", "post_attention_layernorm")
_FOUR_NORMS = (*_TWO_NORMS, "pre_mlp_layernorm", "post_mlp_layernorm")
_EXAONE = Style(qk_norm="head")
_BAILING_NAMES = Names("model.word_embeddings", attention="attention", out="dense")


def glm4_moe(source: Source) -> Weights:
    """GLM 4.5 and 4.6: half of each head is rotated."""
    text = source.text
    norm: QKNorm = "head" if text.bool("use_qk_norm", default=False) else "none"
    style = Style(out_bias=False, qk_norm=norm, partial_rotary=0.5)
    half = _routed(source, "n_routed_experts", "n_shared_experts", float32=True, correction="gate")
    return _dense_first(source, style_attention(source, style), half, "first_k_dense_replace")


def deepseek_v1(source: Source) -> Weights:
    """DeepSeek MoE 16B: ordinary attention."""
    text = source.text
    every = text.int("moe_layer_freq", default=1, minimum=1)
    first = text.int("first_k_dense_replace", default=0)
    half = _routed(source, "n_routed_experts", "n_shared_experts")
    parts = style_attention(source, Style())
    return _layers(source, parts, half, lambda index: index >= first and index % every == 0)


def bailing(source: Source) -> Weights:
    """Ling 1 and 2 (Bailing MoE): head norms with biases, and a float32 bias of the router, where the file says so."""
    text = source.text
    style = Style(
        bias_key="use_qkv_bias", out_bias=text.bool("use_bias", default=False), names=_BAILING_NAMES
    )
    parts = style_attention(source, style)
    if text.bool("use_qk_norm", default=False):
        size = source.head_size()
        parts += norms(size, "attention.query_layernorm", "attention.key_layernorm", bias=True)
    corrected = text.bool("moe_router_enable_expert_bias", default=False)
    half = _routed(source, "num_experts", "num_shared_experts", correction="gate" if corrected else "")
    return _dense_first(source, parts, half, "first_k_dense_replace", embedding="model.word_embeddings")


def ernie_moe(source: Source) -> Weights:
    """ERNIE 4.5: experts on every n-th layer of a range."""
    text = source.text
    start = text.int("moe_layer_start_index", default=0)
    end = text.int("moe_layer_end_index", default=source.num_layers - 1)
    every = text.int("moe_layer_interval", default=1, minimum=1)
    style = Style(bias_key="use_bias", out_bias=False)
    half = _routed(source, "moe_num_experts", "moe_num_shared_experts", float32=True, correction="gate")
    return _layers(
        source,
        style_attention(source, style),
        half,
        lambda index: (index + 1) % every == 0 and start <= index <= end,
        tied=True,
    )


def exaone_moe(source: Source) -> Weights:
    """K-EXAONE: `is_moe_layer` says which layers route."""
    flags = source.text.optional_list("is_moe_layer")
    first = source.text.int("first_k_dense_replace", default=0)
    hidden, table = source.hidden_size, style_rotary(source, _EXAONE)
    half = _routed(source, "num_experts", "num_shared_experts", correction="mlp")

    def layer(kind: tuple[int | None, bool]) -> Layer:
        window, routes = kind
        rest = half if routes else gated_mlp("mlp", hidden, source.intermediate_size)
        return layer_of(*dense_attention(source, _EXAONE, table, window), *norms(hidden, *_TWO_NORMS), *rest)

    has_flags = flags is not None and len(flags) >= source.num_layers
    kinds = [
        (window, bool(flags[index]) if flags is not None and has_flags else index >= first)
        for index, window in enumerate(as_listed(source))
    ]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied())


def hunyuan3(source: Source) -> Weights:
    """Hunyuan 3: the shared expert is called a shared MLP."""
    text = source.text
    style = Style(qk_norm="head" if text.bool("qk_norm", default=True) else "none")
    corrected = text.bool("moe_router_enable_expert_bias", default=True)
    half = _routed(
        source,
        "num_experts",
        "num_shared_experts",
        width_key="expert_hidden_dim",
        float32=True,
        correction="mlp" if corrected else "",
        shared_name="mlp.shared_mlp",
    )
    parts = style_attention(source, style)
    return _dense_first(source, parts, half, "first_k_dense_replace", on_every_rank=EDGES)


def afmoe(source: Source) -> Weights:
    """Trinity (AFMoE): gated attention, four norms; only sliding layers rotate their positions."""
    hidden, size = source.hidden_size, source.head_size()
    style = Style(qk_norm="head")
    gate = column("self_attn.gate_proj", hidden, source.num_heads * size)
    half = _routed(source, "num_experts", "num_shared_experts", float32=True, correction="mlp")
    first = source.text.int("num_dense_layers", default=0)
    table = style_rotary(source, style)
    count = source.num_layers

    def layer(kind: tuple[bool, int | None, bool]) -> Layer:
        rotates, window, is_dense = kind
        mixed = gated_mlp("mlp", hidden, source.intermediate_size) if is_dense else half
        attends = dense_attention(source, style, table if rotates else None, window)
        return layer_of(*attends, gate, *mixed, *norms(hidden, *_FOUR_NORMS))

    kinds = [
        (kind == "sliding_attention", window, index < first)
        for index, (kind, window) in enumerate(
            zip(layer_types(source.text, count), as_stated(source), strict=True)
        )
    ]
    layers = each_kind(kinds, layer)
    return language_model(source, layers, tied=source.is_tied())


def _routed(
    source: Source,
    count_key: str,
    shared_key: str,
    *,
    width_key: str = "moe_intermediate_size",
    float32: bool = False,
    correction: str = "",
    shared_name: str = "mlp.shared_experts",
) -> tuple[Part, ...]:
    """Router, routed experts and the shared ones as one wide MLP; `correction`: which module has the float32 bias that
    corrects the router."""
    text, hidden = source.text, source.hidden_size
    count = text.int(count_key, minimum=1)
    inner = text.int(width_key, "moe_intermediate_size", minimum=1)
    parts: list[Part] = [
        router("mlp.gate", hidden, count, float32=float32),
        experts("mlp.experts", count, hidden, inner),
    ]
    if correction:
        parts.append(Tensor(f"{correction}.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES))
    shared = text.int(shared_key, default=0)
    return (*parts, *gated_mlp(shared_name, hidden, inner * shared)) if shared else tuple(parts)


def _dense_first(
    source: Source,
    attention: Block,
    half: tuple[Part, ...],
    first_key: str,
    *,
    embedding: str = "model.embed_tokens",
    on_every_rank: tuple[Edge, ...] = (),
) -> Weights:
    first = source.text.int(first_key, default=0)
    return _layers(
        source,
        attention,
        half,
        lambda index: index >= first,
        embedding=embedding,
        on_every_rank=on_every_rank,
    )


def _layers(
    source: Source,
    attention: Block,
    half: tuple[Part, ...],
    is_sparse: Callable[[int], bool],
    *,
    tied: bool = False,
    embedding: str = "model.embed_tokens",
    on_every_rank: tuple[Edge, ...] = (),
) -> Weights:
    """Layers of two kinds; `tied` where the file says nothing about the head."""
    hidden = source.hidden_size
    shared = (*attention, *norms(hidden, *_TWO_NORMS))
    sparse = layer_of(*shared, *half)
    numbers = [is_sparse(index) for index in range(source.num_layers)]
    dense = sparse if all(numbers) else layer_of(*shared, *gated_mlp("mlp", hidden, source.intermediate_size))
    layers = [sparse if routes else dense for routes in numbers]
    return language_model(
        source, layers, tied=source.is_tied(tied), embedding=embedding, on_every_rank=on_every_rank
    )
