"""IQuest Loop Coder: the layers run `loop_num` times, each time with a cache of its own (vLLM 0.16 to 0.33,
iquest_loopcoder.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import AttentionScales
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    attention,
    column,
    gated_mlp,
    head_cache,
    norms,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import model_window
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def iquest_loop(source: Source) -> Weights:
    """The first run keeps every token, the later ones `loop_window_size`; one gate per layer mixes both."""
    text, hidden = source.text, source.hidden_size
    if text.has("dual_chunk_attention_config"):
        raise NotUnderstoodError(f"{text.name}: dual chunk attention is not known")
    size = hidden // source.num_heads
    loops = text.int("loop_num", default=2, minimum=1, maximum=64)
    window = text.int("loop_window_size", default=64, minimum=1)
    later = (AttentionScales("self_attn.attn"), head_cache(source.num_kv_heads, size, window=window))
    layer = layer_of(
        *attention(
            source,
            "self_attn",
            rotary_table(size, source.max_position, rope_parameters(text)),
            head_size=size,
            window=model_window(source),
        ),
        *later * (loops - 1),
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, *TWO_NORMS),
    )
    gates = tuple(
        column(f"model.gate_projections.{index}.gate_proj", size, source.num_heads, bias=True)
        for index in range(source.num_layers)
    )
    return language_model(source, [layer] * source.num_layers, tied=source.is_tied(), extra_everywhere=gates)


IQUEST_LOOP = Family(iquest_loop, is_pipelined=False)
