"""Models around SigLIP: PaliGemma, Idefics 3 and SmolVLM, Command A Vision, LFM2-VL (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.cohere import cohere
from vllm_costmeter.sources.model_config.families.dense.gemma import gemma, gemma2
from vllm_costmeter.sources.model_config.families.dense.llama import llama
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.hybrid.lfm2 import lfm2
from vllm_costmeter.sources.model_config.families.multimodal.text import text_of
from vllm_costmeter.sources.model_config.towers.siglip import cohere2_vision, idefics3, lfm2_vl, paligemma

_IDEFICS_NAMES = (
    ("model.text_model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
    ("model.vision_model.", "vision_tower.vision_model."),
)
_LFM2_NAMES = (
    ("model.language_model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
    ("model.", ""),
)

PALIGEMMA = Family(text_of({"gemma": gemma, "gemma2": gemma2}), paligemma)
IDEFICS3 = Family(text_of({"llama": llama}), idefics3, _IDEFICS_NAMES, is_pipelined=False)
COHERE2_VISION = Family(text_of({"cohere2": cohere}), cohere2_vision)
LFM2_VL = Family(lfm2, lfm2_vl, _LFM2_NAMES)
