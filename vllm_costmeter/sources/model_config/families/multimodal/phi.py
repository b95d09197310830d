"""Phi-3 Vision, Phi-4 multimodal and Phi-4 with SigLIP 2 (vLLM 0.32: phi3v.py, phi4mm.py, phi4siglip.py)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.llama import phi3
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.towers.phi import phi3_vision, phi4_multimodal, phi4_siglip2

_HEAD = ("lm_head.", "language_model.lm_head.")
_SIGLIP2_NAMES = (
    ("model.vision_tower.vision_tower.", "vision_tower."),
    ("model.mm_projector.0.", "multi_modal_projector.linear_1."),
    ("model.mm_projector.2.", "multi_modal_projector.linear_2."),
    ("model.", "language_model.model."),
    _HEAD,
)
_PHI3_NAMES = (
    ("model.vision_embed_tokens.", "vision_embed_tokens."),
    ("model.", "language_model.model."),
    _HEAD,
)
_PHI4_NAMES = (
    ("model.embed_tokens_extend.audio_embed.", "embed_tokens_extend."),
    ("model.embed_tokens_extend.image_embed.", "vision_encoder."),
    ("model.", "language_model.model."),
    _HEAD,
)

PHI3_VISION = Family(phi3, phi3_vision, _PHI3_NAMES)
"""vLLM builds a second embedding and, as published checkpoints lack it, drops it when they are loaded."""
PHI4_MULTIMODAL = Family(
    phi3, phi4_multimodal, _PHI4_NAMES, ("image", "video", "audio"), tower_is_plain=True, is_pipelined=False
)
PHI4_SIGLIP2 = Family(phi3, phi4_siglip2, _SIGLIP2_NAMES)
