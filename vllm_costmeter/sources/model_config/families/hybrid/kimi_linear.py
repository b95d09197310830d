"""Kimi-Linear and the language model of Kimi K3: Kimi delta attention, latent attention without positions in some
layers, experts (vLLM 0.32, models/kimi_k3)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import KimiDeltaState
from vllm_costmeter.core.model.parts import Buffer, Experts, Linear, Output, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    W_NAMES,
    column,
    gated_mlp,
    norms,
    replicated,
    router,
    row,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import latent_attention
from vllm_costmeter.sources.model_config.families.prediction import like_deepseek
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.reader import ConfigReader

_MLP = "block_sparse_moe"

_ALIGNED_ROWS = 16  # KimiK3DeltaAttention.in_proj_padding (0.27 to 0.33)
_FAST_HEAD_SIZE = 128
_LEAST_SHARE = 256  # of an expert on one rank, models/kimi_k3/nvidia/model.py (0.28 to 0.32)


def kimi_linear(source: Source) -> Weights:
    """`linear_attn_config` lists the layers of either kind, counted from 1."""
    text, hidden = source.text, source.hidden_size
    section = text.optional_section("linear_attn_config")
    if section is None:
        raise BadInputError(f"{text.name}: linear_attn_config is missing: this architecture needs it")
    full = section.optional_list("full_attn_layers") or []
    count = text.int("num_experts", default=0)
    first = text.int("first_k_dense_replace", default=0)
    every = text.int("moe_layer_freq", default=1, minimum=1)
    sparse = _experts(source, count) if count else ()
    mixes = text.has("attn_res_block_size")

    def layer(kind: tuple[bool, bool]) -> Layer:
        is_full, routes = kind
        half = sparse if routes else gated_mlp("mlp", hidden, source.intermediate_size)
        mixer = _latent(source) if is_full else _delta(source, section)
        residual = [*_residual(hidden, "self_attention_res"), *_residual(hidden, "mlp_res")] if mixes else []
        return layer_of(*mixer, *half, *norms(hidden, *TWO_NORMS), *residual)

    kinds = [
        (index + 1 in full, count > 0 and index >= first and index % every == 0)
        for index in range(source.num_layers)
    ]
    last = (*norms(hidden, "model.norm"), *(_residual(hidden, "model.output_attn_res") if mixes else ()))
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied(), final_norm=last)


def _residual(hidden: int, name: str) -> tuple[Part, ...]:
    """The norm and the projection that weigh earlier blocks of layers (Kimi K3)."""
    return *norms(hidden, f"{name}_norm"), replicated(f"{name}_proj", hidden, 1, quantized=False)


def _prediction(source: Source, target: Weights, count: int) -> Weights:
    """Latent attention and experts, without weights of earlier blocks."""
    text, hidden = source.text, source.hidden_size
    experts = _experts(source, text.int("num_experts", minimum=1))
    layer = layer_of(*_latent(source), *experts, *norms(hidden, *TWO_NORMS))
    return like_deepseek(source, target, count, layer)


def _delta(source: Source, section: ConfigReader) -> Block:
    hidden, name = source.hidden_size, "self_attn"
    heads, size = section.int("num_heads", minimum=1), section.int("head_dim", minimum=1)
    by_head = Output(heads, size)
    has_full_gate = section.bool("use_full_rank_gate", default=False)
    fused = (*(by_head,) * (4 if has_full_gate else 3), Output(1, size, replicated=True), Output(heads))
    names = ("q_proj", "k_proj", "v_proj", "f_a_proj", "b_proj")
    kernel = section.int("short_conv_kernel_size", default=4, minimum=1)
    low_rank_gate = (
        replicated(f"{name}.g_a_proj", hidden, size),
        column(f"{name}.g_b_proj", size, heads * size),
    )
    return (
        Linear(
            f"{name}.in_proj_qkvgfab",
            hidden,
            fused,
            "column",
            fused_from=names,
            padded_to=_ALIGNED_ROWS if has_full_gate else 1,
        ),
        column(f"{name}.f_b_proj", size, heads * size),
        *(() if has_full_gate else low_rank_gate),
        row(f"{name}.o_proj", heads * size, hidden),
        Tensor(f"{name}.conv1d", 3 * heads, size * kernel, split=True, element_bytes=FLOAT32_BYTES),
        Tensor(f"{name}.dt_bias", heads, size, split=True, element_bytes=FLOAT32_BYTES),
        Tensor(f"{name}.A_log", heads, split=True, element_bytes=FLOAT32_BYTES),
        *norms(size, f"{name}.o_norm"),
        KimiDeltaState(heads, size, kernel, keeps_checkpoint=has_full_gate and _has_fast_prefill(section)),
    )


def _has_fast_prefill(section: ConfigReader) -> bool:
    """Whether FlashKDA serves it, on the GPUs that have it (`is_flashkda_supported`)."""
    return section.int("head_dim") == _FAST_HEAD_SIZE and section.has("gate_lower_bound")


def _latent(source: Source) -> Block:
    """As DeepSeek's, without rotary positions; in Kimi K3 a gate per value stands in the first projection."""
    block = latent_attention(source, None)
    if source.text.bool("mla_use_output_gate", default=False):
        gate = Output(source.num_heads, source.text.int("v_head_dim", minimum=1))
        block = tuple(_with_gate(piece, gate) if isinstance(piece, Linear) else piece for piece in block)
    return (*block, Buffer("self_attn._one_scale", 1, FLOAT32_BYTES))


def _with_gate(matrix: Linear, gate: Output) -> Linear:
    """The first projection, whose latents every rank holds, with the gate's heads, which are divided."""
    if matrix.name not in ("self_attn.fused_qkv_a_proj", "self_attn.kv_a_proj_with_mqa"):
        return matrix
    whole = tuple(Output(1, output.count * output.width, replicated=True) for output in matrix.outputs)
    return replace(
        matrix,
        name="self_attn.fused_qkv_a_g_proj",
        outputs=(*whole, gate),
        split="column",
        fused_from=(*matrix.fused_from, "g_proj"),
    )


def _experts(source: Source, count: int) -> tuple[Part, ...]:
    text, hidden = source.text, source.hidden_size
    inner = text.int("moe_intermediate_size", minimum=1)
    shared = text.int("num_shared_experts", default=0)
    least = text.int("min_moe_intermediate_per_partition", default=_LEAST_SHARE)
    latent = text.optional_int("routed_expert_hidden_size", minimum=1)
    around: tuple[Part, ...] = ()
    if latent is not None:
        has_norm = text.bool("latent_moe_use_norm", default=False)
        around = (
            replicated(f"{_MLP}.routed_expert_down_proj", hidden, latent),
            replicated(f"{_MLP}.routed_expert_up_proj", latent, hidden),
            *(norms(latent, f"{_MLP}.routed_expert_norm") if has_norm else ()),
        )
    return (
        *around,
        router(f"{_MLP}.gate", hidden, count),
        Tensor(f"{_MLP}.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES),
        Experts(
            f"{_MLP}.experts", count, latent or hidden, inner, checkpoint_names=W_NAMES, least_share=least
        ),
        *(
            gated_mlp(f"{_MLP}.shared_experts", hidden, inner * shared, is_shared_expert=True)
            if shared
            else ()
        ),
    )


KIMI_LINEAR = Family(kimi_linear, prediction=_prediction)
