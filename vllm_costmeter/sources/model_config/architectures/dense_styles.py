"""Dense families by how they differ from Llama (vLLM 0.32's model code; each held against it, see the tests)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.architectures.dense import LLAMA, QWEN2, Names, Style, dense
from vllm_costmeter.sources.model_config.architectures.layers import EDGES
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.architectures.windows import as_listed, full_everywhere, interleaved

_OUTER_NORMS = ("post_attention_layernorm", "post_feedforward_layernorm")
_EXAONE_NAMES = Names("transformer.wte", "transformer.h.{}.", attention="attn.attention", out="out_proj")
_INTERNLM2_NAMES = Names(
    "model.tok_embeddings", head="output", attention="attention", out="wo", mlp="feed_forward"
)
_NEOX_NAMES = Names(
    "model.embed_in", attention="attention", out="dense", matrices=("dense_h_to_4h", "dense_4h_to_h")
)
_TRANSFORMERS = (
    1  # one set of inverse frequencies: run by transformers' own code since vLLM 0.32, before by vLLM's
)

_FULL = Style(windows=full_everywhere)
STYLES: dict[str, Style] = {
    "ApertusForCausalLM": Style(
        windows=full_everywhere,
        out_bias=False,
        qk_norm="head",
        gated=False,
        norm_names=("attention_layernorm", "feedforward_layernorm"),
        layer_extra=(Tensor("mlp.act_fn.alpha", 2), Buffer("mlp.act_fn.constants", 2)),
    ),
    "ArceeForCausalLM": Style(windows=full_everywhere, gated=False, inverse_frequencies=_TRANSFORMERS),
    "CwmForCausalLM": Style(inverse_frequencies=_TRANSFORMERS),
    "Ernie4_5ForCausalLM": Style(
        windows=full_everywhere, bias_key="use_bias", out_bias=False, mlp_bias=False, tied=True
    ),
    "ExaoneForCausalLM": Style(windows=full_everywhere, names=_EXAONE_NAMES, norm_names=("ln_1", "ln_2")),
    "Exaone4ForCausalLM": Style(windows=as_listed, qk_norm="head", norm_names=_OUTER_NORMS),
    "GPTNeoXForCausalLM": Style(
        windows=full_everywhere,
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        norm_bias=True,
        fused_qkv=True,
        gated=False,
        partial_rotary=0.25,
        inverse_frequencies=_TRANSFORMERS,
        names=_NEOX_NAMES,
    ),
    "GlmForCausalLM": Style(
        windows=full_everywhere,
        out_bias=False,
        fused_gate_up=True,
        partial_rotary=0.5,
        inverse_frequencies=_TRANSFORMERS,
    ),
    "HunYuanDenseV1ForCausalLM": Style(
        windows=full_everywhere, qk_norm="head", inverse_frequencies=_TRANSFORMERS
    ),
    "InternLM2ForCausalLM": Style(
        windows=full_everywhere, fused_qkv=True, names=_INTERNLM2_NAMES, on_every_rank=EDGES
    ),
    "Jais2ForCausalLM": Style(
        windows=full_everywhere,
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        norm_bias=True,
        gated=False,
        inverse_frequencies=_TRANSFORMERS,
    ),
    "MiMoForCausalLM": QWEN2,
    "MiniCPMForCausalLM": Style(windows=full_everywhere, on_every_rank=EDGES),
    "NemotronForCausalLM": Style(windows=full_everywhere, gated=False, norm_bias=True, partial_rotary=0.5),
    "OlmoForCausalLM": Style(
        windows=full_everywhere, norm_names=(), final_norm=False, inverse_frequencies=_TRANSFORMERS
    ),
    "Olmo2ForCausalLM": Style(
        windows=full_everywhere, qk_norm="whole", norm_names=_OUTER_NORMS, inverse_frequencies=_TRANSFORMERS
    ),
    "Olmo3ForCausalLM": Style(qk_norm="whole", norm_names=_OUTER_NORMS, inverse_frequencies=2),
    "OrionForCausalLM": Style(windows=full_everywhere, norm_bias=True, on_every_rank=EDGES),
    "PhiForCausalLM": Style(
        windows=full_everywhere,
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        norm_bias=True,
        gated=False,
        norm_names=("input_layernorm",),
        partial_rotary=0.5,
        inverse_frequencies=_TRANSFORMERS,
        names=Names(out="dense", matrices=("fc1", "fc2")),
    ),
    "SeedOssForCausalLM": Style(windows=full_everywhere, out_bias=False, inverse_frequencies=_TRANSFORMERS),
    "SmolLM3ForCausalLM": Style(tied=True, inverse_frequencies=_TRANSFORMERS),
    "SolarForCausalLM": _FULL,
    "StableLmForCausalLM": Style(
        windows=full_everywhere,
        bias_key="use_qkv_bias",
        out_bias=False,
        norm_bias=True,
        partial_rotary=0.25,
        on_every_rank=EDGES,
    ),
    "Starcoder2ForCausalLM": Style(
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        norm_bias=True,
        gated=False,
        tied=True,
        inverse_frequencies=_TRANSFORMERS,
        names=Names(matrices=("c_fc", "c_proj")),
    ),
    "TeleChat2ForCausalLM": Style(
        windows=full_everywhere, qkv_bias=False, out_bias=True, mlp_bias=False, down_bias=True
    ),
    "TeleChat3ForCausalLM": LLAMA,
    "TeleFLMForCausalLM": _FULL,
    "VaultGemmaForCausalLM": Style(
        windows=interleaved(2),
        head_size=256,
        tied=True,
        norm_names=("input_layernorm", "pre_feedforward_layernorm"),
        inverse_frequencies=_TRANSFORMERS,
        extra=(Buffer("model.embed_tokens.embed_scale", 1),),
    ),
}
_POST_NORM = Style(
    windows=full_everywhere,
    norm_names=("input_layernorm", "post_attention_layernorm", "post_norm1", "post_norm2"),
)


def hyperclovax(source: Source) -> Weights:
    """HyperCLOVA X: two more norms where the file asks for them."""
    return dense(source, _POST_NORM if source.text.bool("use_post_norm", default=False) else _FULL)
