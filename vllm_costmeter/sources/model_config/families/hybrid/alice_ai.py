"""Alice AI: Kimi delta attention and gated attention, experts, and residuals that attend to earlier blocks (vLLM 0.33,
alice_ai.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import TWO_NORMS, attention, norms, replicated
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.hybrid.kimi_linear import delta_attention
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.moe.qwen import qwen_experts
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_ROTATED = 0.25  # partial_rotary_factor default of transformers' Qwen3NextConfig (5.x)


def _alice_ai(source: Source) -> Weights:
    """`layer_types` says which layers attend to all tokens; the head is the model's own."""
    text, hidden = source.text, source.hidden_size
    count = text.int("num_experts", minimum=1)
    half = (
        *qwen_experts(source),
        Tensor("mlp.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES),
    )

    def layer(kind: tuple[str, bool]) -> Layer:
        name, is_first = kind
        mixer = _attention(source) if name == "full_attention" else _delta(source)
        before = () if is_first else _residual(source, "attn_res")
        after = _residual(source, "mlp_res")
        return layer_of(*mixer, *half, *norms(hidden, *TWO_NORMS), *before, *after)

    kinds = [(name, index == 0) for index, name in enumerate(layer_types(text, source.num_layers))]
    final = (*norms(hidden, "model.norm"), *_residual(source, "model.attnres_final.res"))
    return language_model(source, each_kind(kinds, layer), tied=False, final_norm=final)


def _attention(source: Source) -> Block:
    size = source.head_size()
    parameters = rope_parameters(source.text, default_partial=_ROTATED)
    table = rotary_table(size, source.max_position, parameters, positions_factor=1)
    return attention(source, "self_attn", table, qk_norm="head", output_gate=True)


def _delta(source: Source) -> Block:
    text = source.text
    sizes = {
        "num_heads": text.int("linear_num_key_heads", minimum=1),
        "head_dim": text.int("linear_key_head_dim", minimum=1),
        "short_conv_kernel_size": text.int("linear_conv_kernel_dim", minimum=1),
    }
    return delta_attention(source, ConfigReader(sizes, text.name, text.path), "linear_attn")


def _residual(source: Source, name: str) -> tuple[Part, ...]:
    hidden = source.hidden_size
    return replicated(f"{name}_proj", hidden, 1, quantized=False), *norms(hidden, f"{name}_norm_weight")


ALICE_AI = Family(_alice_ai, is_pipelined=False)
