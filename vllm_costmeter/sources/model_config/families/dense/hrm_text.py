"""HRM-Text: two stacks of layers that run in cycles, each run with keys and values of its own (vLLM 0.24 to 0.33,
hrm_text.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.attention import FullAttention
from vllm_costmeter.core.model.parts import AttentionScales, Linear, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import gated_mlp, row
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_MOST_CYCLES = 64  # more is a corrupt file


def hrm_text(source: Source) -> Weights:
    """`num_layers_per_stack` layers in each stack; the low one runs `L_cycles` times in each of `H_cycles`, then the
    high one once. Norms have no weights; every head has keys and values of its own."""
    text, hidden, heads = source.text, source.hidden_size, source.num_heads
    count = text.int("num_layers_per_stack", minimum=1, maximum=MAX_LAYERS // 2)
    high = text.int("H_cycles", minimum=1, maximum=_MOST_CYCLES)
    low = text.int("L_cycles", minimum=1, maximum=_MOST_CYCLES)
    size = source.head_size()
    bias = text.bool("attention_bias", default=False)
    by_head = Output(heads, size)

    def layer(runs: int) -> Layer:
        return layer_of(
            Linear("self_attn.gqkv_proj", hidden, (by_head,) * 4, "column", bias),
            row("self_attn.o_proj", heads * size, hidden, bias),
            rotary_table(size, source.max_position, rope_parameters(text)),
            *gated_mlp("mlp", hidden, source.intermediate_size, text.bool("mlp_bias", default=False)),
            *(AttentionScales(f"self_attn.attn_per_step.{run}") for run in range(runs)),
            *(FullAttention(heads, size),) * runs,
        )

    layers = [layer(high * low)] * count + [layer(high)] * count
    start = Tensor("model.z_L_init", hidden)
    return language_model(source, layers, tied=source.is_tied(), final_norm=(), extra_first=(start,))


HRM_TEXT = Family(hrm_text, is_pipelined=False)
