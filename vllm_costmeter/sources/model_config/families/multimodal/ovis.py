"""Ovis, 2.5 and 2.6: the language model that the file names, behind visual words (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.text import registered_text
from vllm_costmeter.sources.model_config.towers.ovis import ovis, ovis2_5

_NAMES = (("llm.", "language_model."),)

OVIS = Family(registered_text, ovis, _NAMES)
OVIS2_5 = Family(registered_text, ovis2_5, _NAMES, ("image", "video"))
