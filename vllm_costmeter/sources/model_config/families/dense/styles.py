"""Dense families by how they differ from Llama (vLLM 0.32's model code; each held against it, see the tests)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.dense.style import QWEN2, Names, Style, dense, of_style
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import EDGES
from vllm_costmeter.sources.model_config.families.prediction import extended, head_like, joined, numbered
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import (
    as_listed,
    full_everywhere,
    interleaved,
    model_wide,
)

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
_POST_NORM = Style(
    windows=full_everywhere,
    norm_names=("input_layernorm", "post_attention_layernorm", "post_norm1", "post_norm2"),
)

FULL = of_style(_FULL)
APERTUS = of_style(
    Style(
        windows=full_everywhere,
        out_bias=False,
        qk_norm="head",
        gated=False,
        norm_names=("attention_layernorm", "feedforward_layernorm"),
        layer_extra=(Tensor("mlp.act_fn.alpha", 2), Buffer("mlp.act_fn.constants", 2)),
    )
)
ARCEE = of_style(Style(windows=full_everywhere, gated=False, inverse_frequencies=_TRANSFORMERS))
CWM = of_style(Style(inverse_frequencies=_TRANSFORMERS))
ERNIE4_5 = of_style(Style(windows=model_wide, bias_key="use_bias", out_bias=False, mlp_bias=False, tied=True))
EXAONE = of_style(Style(windows=full_everywhere, names=_EXAONE_NAMES, norm_names=("ln_1", "ln_2")))
EXAONE4 = of_style(Style(windows=as_listed, qk_norm="head", norm_names=_OUTER_NORMS))
GPT_NEOX = of_style(
    Style(
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
    )
)
GLM = of_style(
    Style(
        windows=full_everywhere,
        out_bias=False,
        fused_gate_up=True,
        partial_rotary=0.5,
        inverse_frequencies=_TRANSFORMERS,
    )
)
HUNYUAN_DENSE = of_style(Style(windows=model_wide, qk_norm="head", inverse_frequencies=_TRANSFORMERS))
INTERNLM2 = of_style(Style(windows=model_wide, fused_qkv=True, names=_INTERNLM2_NAMES, on_every_rank=EDGES))
JAIS2 = of_style(
    Style(
        windows=full_everywhere,
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        norm_bias=True,
        gated=False,
        inverse_frequencies=_TRANSFORMERS,
    )
)
MINICPM = of_style(Style(windows=model_wide, on_every_rank=EDGES))
NEMOTRON = of_style(Style(windows=full_everywhere, gated=False, norm_bias=True, partial_rotary=0.5))
OLMO = of_style(
    Style(windows=full_everywhere, norm_names=(), final_norm=False, inverse_frequencies=_TRANSFORMERS)
)
OLMO2 = of_style(
    Style(windows=model_wide, qk_norm="whole", norm_names=_OUTER_NORMS, inverse_frequencies=_TRANSFORMERS)
)
OLMO3 = of_style(Style(qk_norm="whole", norm_names=_OUTER_NORMS, inverse_frequencies=2))
ORION = of_style(Style(windows=full_everywhere, norm_bias=True, on_every_rank=EDGES))
PHI = of_style(
    Style(
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
    )
)
SEED_OSS = of_style(Style(windows=model_wide, out_bias=False, inverse_frequencies=_TRANSFORMERS))
SMOLLM3 = of_style(Style(tied=True, inverse_frequencies=_TRANSFORMERS))
STABLELM = of_style(
    Style(
        windows=model_wide,
        bias_key="use_qkv_bias",
        out_bias=False,
        norm_bias=True,
        partial_rotary=0.25,
        on_every_rank=EDGES,
    )
)
STARCODER2 = of_style(
    Style(
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        norm_bias=True,
        gated=False,
        tied=True,
        inverse_frequencies=_TRANSFORMERS,
        names=Names(matrices=("c_fc", "c_proj")),
    )
)
TELECHAT2 = of_style(
    Style(windows=full_everywhere, qkv_bias=False, out_bias=True, mlp_bias=False, down_bias=True)
)
VAULT_GEMMA = of_style(
    Style(
        windows=interleaved(2),
        head_size=256,
        tied=True,
        norm_names=("input_layernorm", "pre_feedforward_layernorm"),
        inverse_frequencies=_TRANSFORMERS,
        extra=(Buffer("model.embed_tokens.embed_scale", 1),),
    )
)


def hyperclovax(source: Source) -> Weights:
    """HyperCLOVA X: two more norms where the file asks for them."""
    return dense(source, _POST_NORM if source.text.bool("use_post_norm", default=False) else _FULL)


def _mimo(source: Source, target: Weights, count: int) -> Weights:
    join = joined(source, "input_proj", "token_layernorm", "hidden_layernorm", "final_layernorm")
    layer = extended(target.layers[-1], *join)
    return numbered(source, target, [layer] * count, last=head_like(target))


MIMO = Family(of_style(QWEN2), prediction=_mimo)
