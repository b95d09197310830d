"""ChatGLM 2 and 3, GLM 4: half of each head is rotated (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, column, gated_mlp, norms, row
from vllm_costmeter.sources.model_config.families.layers import EDGES, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_GLM4_NORMS = (
    "input_layernorm",
    "post_attention_layernorm",
    "post_self_attn_layernorm",
    "post_mlp_layernorm",
)


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


def chatglm(source: Source) -> Weights:
    """ChatGLM 2 and 3, GLM-4 9B: half of each head rotated, gate and up fused in the checkpoint."""
    text, hidden = source.text, source.hidden_size
    bias = text.bool("add_bias_linear", default=False)
    is_grouped = text.bool("multi_query_attention", default=False)
    kv_heads = text.int("multi_query_group_num", minimum=1) if is_grouped else source.num_heads
    size = text.int("kv_channels", default=hidden // source.num_heads, minimum=2)
    inner = source.intermediate_size
    if not text.bool("rmsnorm", default=True):
        raise NotUnderstoodError(f"{text.name}: ChatGLM without RMS norms is not known")
    name = "mlp"
    layer = layer_of(
        *attention(
            "self_attention",
            hidden,
            source.num_heads,
            kv_heads,
            size,
            rotary_table(size, source.max_position, rope_parameters(text, default_partial=0.5)),
            bias=bias or text.bool("add_qkv_bias", default=False),
            out_bias=bias,
            out_name="dense",
            fused_from=(),
        ),
        column(f"{name}.dense_h_to_4h", hidden, inner, inner, bias=bias),
        row(f"{name}.dense_4h_to_h", inner, hidden, bias=bias),
        *norms(hidden, "input_layernorm", "post_attention_layernorm"),
    )
    final = norms(hidden, "transformer.encoder.final_layernorm")
    return language_model(
        source,
        [layer] * source.num_layers,
        tied=source.is_tied(),
        embedding="transformer.embedding",
        layer_prefix="transformer.encoder.layers.{}.",
        head="transformer.output_layer",
        final_norm=final if text.bool("post_layer_norm", default=True) else (),
        on_every_rank=EDGES,
    )
