"""Decoders with routed experts and ordinary attention: Mixtral, Qwen, MiniMax, gpt-oss, MiMo, GLM 4.5, Llama 4."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantisation.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.architectures.blocks import (
    EDGES,
    attention,
    experts,
    gated_mlp,
    language_model,
    norms,
    replicated,
    router,
)
from vllm_costmeter.sources.model_config.architectures.dense import (
    QWEN3,
    Style,
    dense_attention,
)
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.rotary import RopeParameters, rope_parameters, rotary_table

_TWO_NORMS = ("input_layernorm", "post_attention_layernorm")
_W = ("w1", "w3", "w2")


def mixtral(source: Source) -> Weights:
    """Mixtral: every layer has experts."""
    count = source.text.int("num_local_experts", minimum=1)
    layer = Layer(
        (
            *_style_attention(source, Style(qkv_bias=False, out_bias=False)),
            router("block_sparse_moe.gate", source.hidden_size, count),
            experts(
                "block_sparse_moe.experts",
                count,
                source.hidden_size,
                source.intermediate_size,
                checkpoint_names=_W,
            ),
            *norms(source.hidden_size, *_TWO_NORMS),
        )
    )
    return language_model(source, [layer] * source.num_layers, tied=source.is_tied(), on_every_rank=EDGES)


def qwen_moe(source: Source, style: Style = QWEN3) -> Weights:
    """Qwen2-MoE, Qwen3-MoE and Qwen3-VL-MoE: a dense MLP on the layers that the config names or skips."""
    text, hidden = source.text, source.hidden_size
    sparse_step = text.int("decoder_sparse_step", default=1, minimum=1)
    dense_only = _int_set(source, "mlp_only_layers")
    shared = [*_style_attention(source, style), *norms(hidden, *_TWO_NORMS)]
    sparse_layer = Layer((*shared, *qwen_experts(source)))
    dense_layer: Layer | None = None
    layers: list[Layer] = []
    for index in range(source.num_layers):
        if index not in dense_only and (index + 1) % sparse_step == 0:
            layers.append(sparse_layer)
            continue
        if dense_layer is None:
            dense_layer = Layer((*shared, *gated_mlp("mlp", hidden, source.intermediate_size)))
        layers.append(dense_layer)
    return language_model(source, layers, tied=source.is_tied(), on_every_rank=EDGES)


def qwen_experts(source: Source) -> tuple[Part, ...]:
    """Router, routed experts and, where the config has one, the gated shared expert."""
    text, hidden = source.text, source.hidden_size
    count = text.int("num_experts", minimum=1)
    parts: list[Part] = [
        router("mlp.gate", hidden, count),
        experts("mlp.experts", count, hidden, text.int("moe_intermediate_size", minimum=1)),
    ]
    shared = text.int("shared_expert_intermediate_size", default=0)
    if shared:
        parts += gated_mlp("mlp.shared_expert", hidden, shared)
        parts.append(replicated("mlp.shared_expert_gate", hidden, 1, quantised=False))
    return tuple(parts)


def minimax_m2(source: Source) -> Weights:
    """MiniMax M2: norms over all heads together, a float32 router, rotary on the first `rotary_dim` dimensions."""
    text, hidden = source.text, source.hidden_size
    head_size = source.head_size()
    count = text.int("num_local_experts", minimum=1)
    rotary = rotary_table(
        head_size,
        source.max_position,
        rope_parameters(text),
        rotary_dim=text.optional_int("rotary_dim", minimum=1, maximum=head_size),
    )
    layer = Layer(
        (
            *attention(
                "self_attn",
                hidden,
                source.num_heads,
                source.num_kv_heads,
                head_size,
                rotary,
                bias=text.bool("attention_bias", default=False),
                qk_norm="all",
            ),
            router("block_sparse_moe.gate", hidden, count, float32=True),
            *_correction_bias(source, "block_sparse_moe", count, flag="use_routing_bias"),
            experts("block_sparse_moe.experts", count, hidden, source.intermediate_size, checkpoint_names=_W),
            *norms(hidden, *_TWO_NORMS),
        )
    )
    return language_model(source, [layer] * source.num_layers, tied=source.is_tied())


def gpt_oss(source: Source) -> Weights:
    """gpt-oss: biases everywhere, one sink per head, float32 rotary tables."""
    text, hidden = source.text, source.hidden_size
    count = text.int("num_local_experts", "num_experts", minimum=1)
    head_size = source.head_size()
    rotary = rotary_table(head_size, source.max_position, rope_parameters(text), element_bytes=FLOAT32_BYTES)
    layer = Layer(
        (
            *attention(
                "attn",
                hidden,
                source.num_heads,
                source.num_kv_heads,
                head_size,
                rotary,
                bias=True,
                out_bias=True,
            ),
            Tensor("attn.sinks", source.num_heads, split=True),
            replicated("mlp.router", hidden, count, bias=True, quantised=False),
            experts("mlp.experts", count, hidden, source.intermediate_size, bias=True),
            *norms(hidden, *_TWO_NORMS),
        )
    )
    return language_model(
        source,
        [layer] * source.num_layers,
        tied=source.is_tied(),
        embedding="model.embedding",
        on_every_rank=EDGES,
    )


def mimo_v2(source: Source) -> Weights:
    """MiMo V2: sliding layers with their own head counts, value heads narrower than key heads, dense first layers."""
    text, hidden = source.text, source.hidden_size
    count = text.int("n_routed_experts", minimum=1)
    swa = text.optional_list("hybrid_layer_pattern") or [0] * source.num_layers
    sparse = text.optional_list("moe_layer_freq") or [1] * source.num_layers
    _need(source, "hybrid_layer_pattern", swa)
    _need(source, "moe_layer_freq", sparse)
    built: dict[tuple[bool, bool], Layer] = {}
    layers = []
    for index in range(source.num_layers):
        key = (swa[index] == 1, bool(sparse[index]))
        if key not in built:
            built[key] = Layer(
                (
                    *_mimo_attention(source, sliding=key[0]),
                    *norms(hidden, *_TWO_NORMS),
                    *(_mimo_experts(source, count) if key[1] else ()),
                    *(() if key[1] else gated_mlp("mlp", hidden, source.intermediate_size)),
                )
            )
        layers.append(built[key])
    return language_model(source, layers, tied=source.is_tied())


def _mimo_attention(source: Source, *, sliding: bool) -> tuple[Part, ...]:
    text = source.text
    swa = "swa_" if sliding else ""
    heads = text.int(f"{swa}num_attention_heads", default=source.num_heads, minimum=1)
    head_size = text.int(f"{swa}head_dim", default=source.head_size(), minimum=1)
    parameters = rope_parameters(text)
    if sliding:
        theta = text.raw("swa_rope_theta")
        parameters = RopeParameters(
            "default", None, None, parameters.partial_rotary_factor, False, f"{theta}"
        )
    rotary = rotary_table(head_size, source.max_position, parameters)
    parts = attention(
        "self_attn",
        source.hidden_size,
        heads,
        text.int(f"{swa}num_key_value_heads", default=source.num_kv_heads, minimum=1),
        head_size,
        rotary,
        bias=text.bool("attention_bias", default=False),
        v_head_size=text.int(f"{swa}v_head_dim", "v_head_dim", default=head_size, minimum=1),
    )
    kind = "swa" if sliding else "full"
    if text.bool(f"add_{kind}_attention_sink_bias", default=False):
        return (*parts, Tensor("self_attn.attention_sink_bias", heads, split=True))
    return parts


def _mimo_experts(source: Source, count: int) -> tuple[Part, ...]:
    inner = source.text.int("moe_intermediate_size", minimum=1)
    return (
        router("mlp.gate", source.hidden_size, count, float32=True),
        Tensor("mlp.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES),
        experts("mlp.experts", count, source.hidden_size, inner),
    )


def glm4_moe(source: Source) -> Weights:
    """GLM 4.5 and 4.6: dense first layers, then experts with a shared one; half of each head is rotated."""
    text, hidden = source.text, source.hidden_size
    count = text.int("n_routed_experts", minimum=1)
    inner = text.int("moe_intermediate_size", minimum=1)
    style = Style(out_bias=False, qk_norm="head" if text.bool("use_qk_norm", default=False) else "none")
    shared = [*_style_attention(source, style), *norms(hidden, *_TWO_NORMS)]
    shared_experts = text.int("n_shared_experts", default=0)
    sparse = Layer(
        (
            *shared,
            router("mlp.gate", hidden, count, float32=True),
            Tensor("mlp.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES),
            experts("mlp.experts", count, hidden, inner),
            *(gated_mlp("mlp.shared_experts", hidden, inner * shared_experts) if shared_experts else ()),
        )
    )
    dense_layer = Layer((*shared, *gated_mlp("mlp", hidden, source.intermediate_size)))
    first = text.int("first_k_dense_replace", default=0)
    layers = [dense_layer if index < first else sparse for index in range(source.num_layers)]
    return language_model(source, layers, tied=source.is_tied())


def llama4(source: Source) -> Weights:
    """Llama 4: experts with one shared on every `interleave_moe_layer_step`-th layer; layers without positions."""
    text, hidden = source.text, source.hidden_size
    count = text.int("num_local_experts", minimum=1)
    step = text.int("interleave_moe_layer_step", default=1)
    rotary = rotary_table(source.head_size(), source.max_position, rope_parameters(text))
    built: dict[tuple[bool, bool], Layer] = {}
    layers = []
    kinds = layer_types(text, source.num_layers)
    no_rope = text.optional_list("no_rope_layers") or []
    every = text.int("no_rope_layer_interval", default=4, minimum=1)
    for index in range(source.num_layers):
        stated = index < len(no_rope) or (kinds[index] == "full_attention" and len(set(kinds)) > 1)
        no_positions = no_rope[index] == 0 if index < len(no_rope) else stated or (index + 1) % every == 0
        key = (step > 0 and (index + 1) % step == 0, no_positions)
        if key not in built:
            built[key] = Layer(
                (
                    *attention(
                        "self_attn",
                        hidden,
                        source.num_heads,
                        source.num_kv_heads,
                        source.head_size(),
                        None if no_positions else rotary,
                    ),
                    *norms(hidden, *_TWO_NORMS),
                    *(_llama4_experts(source, count) if key[0] else ()),
                    *(() if key[0] else gated_mlp("feed_forward", hidden, _llama4_dense(source))),
                )
            )
        layers.append(built[key])
    return language_model(source, layers, tied=source.is_tied())


def _llama4_dense(source: Source) -> int:
    return source.text.int("intermediate_size_mlp", minimum=1)


def _llama4_experts(source: Source, count: int) -> tuple[Part, ...]:
    hidden, inner = source.hidden_size, source.intermediate_size
    return (
        router("feed_forward.router", hidden, count),
        experts("feed_forward.experts", count, hidden, inner),
        *gated_mlp("feed_forward.shared_expert", hidden, inner),
    )


def _style_attention(source: Source, style: Style) -> tuple[Part, ...]:
    rotary = rotary_table(
        source.head_size(style.head_size),
        source.max_position,
        rope_parameters(source.text),
        positions_factor=style.positions_factor,
    )
    return dense_attention(source, style, rotary)


def _correction_bias(source: Source, name: str, count: int, flag: str) -> tuple[Part, ...]:
    if not source.text.bool(flag, default=False):
        return ()
    return (Tensor(f"{name}.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES),)


def _int_set(source: Source, key: str) -> set[int]:
    return {index for index in source.text.optional_list(key) or [] if isinstance(index, int)}


def _need(source: Source, key: str, values: object) -> None:
    if not isinstance(values, list) or len(values) < source.num_layers:
        raise BadInputError(f"{source.text.name}: {source.text.path}{key} needs one entry per layer")
