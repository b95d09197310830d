"""Which models have prediction layers (MTP) that vLLM drafts with, by release."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.model.draft_facts import DraftFacts
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Version

OLDEST: Version = (0, 17, 0)

BY_MODEL_TYPE: Mapping[str, Version] = {
    "deepseek_v3": OLDEST,
    "deepseek_v32": OLDEST,
    "glm_moe_dsa": OLDEST,
    "pangu_ultra_moe": OLDEST,
    "ernie4_5_moe": OLDEST,
    "nemotron_h": OLDEST,
    "qwen3_next": OLDEST,
    "exaone_moe": OLDEST,
    "qwen3_5": OLDEST,
    "qwen3_5_moe": OLDEST,
    "longcat_flash": OLDEST,
    "step3p5": OLDEST,
    "nemotron_h_puzzle": (0, 19, 0),
    "deepseek_v4": (0, 20, 0),
    "exaone4_5": (0, 20, 0),
    "hy_v3": (0, 20, 0),
    "intern_s2_preview": (0, 22, 0),
    "step3p7": (0, 23, 0),
    "minimax_m3_vl": (0, 24, 0),
    "bailing_hybrid": (0, 25, 0),
    "longcat_flash_ngram": (0, 26, 0),
    "inkling_mm_model": (0, 26, 0),
    "inkling_model": (0, 26, 0),
    "kimi_k3": (0, 27, 0),
    "dots3_note": (0, 28, 0),
    "qwen3_5_text": (0, 28, 0),
    "qwen3_5_moe_text": (0, 28, 0),
    "interns2_mobius": (0, 28, 0),
    "qwen4_exp": (0, 29, 0),
    "qwen4_exp_text": (0, 29, 0),
    "hy_v4": (0, 29, 0),
    "glm5_next": (0, 30, 0),
    "step5": (0, 33, 0),
    "step5_vl": (0, 33, 0),
}
"""model_type -> first release (`SpeculativeConfig.hf_config_override` of vllm/config/speculative.py)."""

BY_ARCHITECTURE: Mapping[str, Version] = {
    "MiMoForCausalLM": OLDEST,
    "Glm4MoeForCausalLM": OLDEST,
    "Glm4MoeLiteForCausalLM": OLDEST,
    "GlmOcrForConditionalGeneration": OLDEST,
    "NemotronH_Super_Omni_Reasoning_V3": (0, 20, 0),
    "MiMoV2ForCausalLM": (0, 21, 0),
    "MiMoV2OmniForCausalLM": (0, 21, 0),
    "MiMoV2FlashForCausalLM": (0, 21, 0),
    "Step3p5ForCausalLM": (0, 23, 0),
    "Step3p7ForConditionalGeneration": (0, 23, 0),
    "MiniMaxM3SparseForConditionalGeneration": (0, 24, 0),
    "BailingMoeV2_5ForCausalLM": (0, 25, 0),
    "BailingMoeV3ForCausalLM": (0, 28, 0),
    "NemotronH_Omni_Reasoning_V3": (0, 29, 0),
    "BailingMoeV3VLForConditionalGeneration": (0, 30, 0),
    "RadioMBartPrefixForCausalLM": (0, 33, 0),
    "Step5ForCausalLM": (0, 33, 0),
    "Step5ForConditionalGeneration": (0, 33, 0),
}
"""The same for models that are told by their architecture."""

WITHOUT_PREDICTION = frozenset(
    """
    llama mistral mixtral qwen2 qwen2_moe qwen2_vl qwen2_5_vl qwen3 qwen3_moe qwen3_vl qwen3_vl_moe gemma gemma2
    gemma3 gemma3_text gemma3n phi phi3 phimoe gpt_oss gpt2 gpt_neox opt falcon falcon_h1 bloom mpt cohere cohere2
    granite granitemoe granitemoehybrid olmo olmo2 olmo3 olmoe starcoder2 stablelm internlm2 mamba mamba2
    jamba bamba zamba2 lfm2 lfm2_moe llama4 llama4_text minimax_m2 smollm3 seed_oss dbrx exaone exaone4 whisper
    """.split()  # noqa: SIM905 - 70 quoted strings read worse than words
)
"""Common model types that none of these releases drafts with: "Unsupported speculative method" (0.17.0 to 0.32.0)."""

PIPELINED = frozenset({"nemotron_h", "nemotron_h_puzzle", "qwen4_exp", "qwen4_exp_text"})
PIPELINED_ARCHITECTURES = frozenset(
    {"Glm4MoeLiteForCausalLM", "GlmOcrForConditionalGeneration", "BailingMoeV3ForCausalLM"}
)
"""Whose prediction layers have the interface `SupportsPP` (classes of 0.17.0, 0.20.0, 0.24.0, 0.27.0 and 0.29.0)."""


def predicts_since(model: Model | DraftFacts) -> Version | None:
    """The first release that drafts with the model's own prediction layers; None if none is known to."""
    found = BY_ARCHITECTURE.get(model.architecture), BY_MODEL_TYPE.get(model.model_type)
    return min((each for each in found if each is not None), default=None)
