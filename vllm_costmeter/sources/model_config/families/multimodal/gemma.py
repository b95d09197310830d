"""Gemma 3 and 4 that see (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.gemma import gemma3
from vllm_costmeter.sources.model_config.families.dense.gemma4 import gemma4
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.towers.gemma import gemma3 as tower_gemma3
from vllm_costmeter.sources.model_config.towers.gemma import gemma4 as tower_gemma4
from vllm_costmeter.sources.model_config.towers.gemma import gemma4_unified, gemma_inputs

_NAMES = (
    ("model.language_model.", "language_model.model."),
    ("model.vision_tower.", "vision_tower."),
    ("model.embed_vision.", "embed_vision."),
    ("model.audio_tower.", "audio_tower."),
    ("model.embed_audio.", "embed_audio."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
    ("lm_head.", "language_model.lm_head."),
)

GEMMA3 = Family(gemma3, tower_gemma3, _NAMES)
GEMMA4 = Family(gemma4, tower_gemma4, _NAMES, gemma_inputs)
GEMMA4_UNIFIED = Family(gemma4, gemma4_unified, _NAMES, ("image", "video", "audio"))
