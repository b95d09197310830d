"""Muse models that see (vLLM 0.33, muse_glimmer.py)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.muse_glimmer import muse_glimmer
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.towers.muse import glimmer_vision

_NAMES = (
    ("model.vision_tower.", "vision_encoder."),
    ("model.vision_encoder.", "vision_encoder."),
    ("model.vision_adapter.", "vision_adapter."),
    ("model.vision_projection.", "vision_projection."),
    ("lm_head.", "language_model.lm_head."),
    ("model.language_model.", "language_model.model."),
    ("model.", "language_model.model."),
)

# vLLM gives the tower no quantization
MUSE_GLIMMER = Family(muse_glimmer, glimmer_vision, _NAMES, ("image", "video"), tower_is_plain=True)
