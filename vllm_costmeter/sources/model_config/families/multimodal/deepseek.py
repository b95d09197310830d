"""DeepSeek-OCR, DeepSeek-OCR 2, Unlimited-OCR and DeepSeek-VL2 (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.mla.deepseek import deepseek
from vllm_costmeter.sources.model_config.families.moe.routed import deepseek_v1
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.deep_encoder import deep_encoder, deep_encoder_2
from vllm_costmeter.sources.model_config.towers.so400m import deepseek_vl2

_NAMES = (
    ("model.embed_tokens.", "language_model.model.embed_tokens."),
    ("model.layers.", "language_model.model.layers."),
    ("model.norm.", "language_model.model.norm."),
    ("lm_head.", "language_model.lm_head."),
    ("model.", ""),
)


def _text(source: Source) -> Weights:
    """DeepSeek V2, which has ordinary attention where the file gives its latent heads no size."""
    sizes = (source.text.optional_int(key) for key in ("qk_nope_head_dim", "qk_rope_head_dim"))
    return deepseek(source) if any(size != 0 for size in sizes) else deepseek_v1(source)


DEEPSEEK_OCR = Family(_text, deep_encoder, _NAMES)
DEEPSEEK_OCR_2 = Family(_text, deep_encoder_2, _NAMES)
DEEPSEEK_VL2 = Family(_text, deepseek_vl2, (("language.", "language_model."),))
