"""Gemma 3, 3n and 4 that see or hear (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.gemma import gemma3
from vllm_costmeter.sources.model_config.families.dense.gemma3n import gemma3n
from vllm_costmeter.sources.model_config.families.dense.gemma4 import gemma4
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.gemma import gemma3 as tower_gemma3
from vllm_costmeter.sources.model_config.towers.gemma import gemma4 as tower_gemma4
from vllm_costmeter.sources.model_config.towers.gemma import gemma4_unified, gemma_inputs
from vllm_costmeter.sources.model_config.towers.gemma3n import gemma3n as tower_gemma3n

_NAMES = (
    ("model.language_model.", "language_model.model."),
    ("model.vision_tower.", "vision_tower."),
    ("model.embed_vision.", "embed_vision."),
    ("model.audio_tower.", "audio_tower."),
    ("model.embed_audio.", "embed_audio."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
    ("lm_head.", "language_model.lm_head."),
)
_GEMMA3N_NAMES = (*_NAMES, ("model.", "language_model.model."))

GEMMA3 = Family(gemma3, tower_gemma3, _NAMES)


def _per_layer_embeddings(source: Source) -> int:
    """An embedding per layer of every token, which vLLM keeps at one place for its CUDA graphs (gemma3n_mm.py, 0.17 to
    0.33; gemma4_mm.py, 0.19 to 0.33)."""
    return source.num_layers * source.text.int("hidden_size_per_layer_input", default=0)


GEMMA3N = Family(
    gemma3n,
    tower_gemma3n,
    _GEMMA3N_NAMES,
    ("image", "audio"),
    kept_values=_per_layer_embeddings,
    tower_is_plain=True,
    is_pipelined=False,
)
GEMMA4 = Family(gemma4, tower_gemma4, _NAMES, gemma_inputs, kept_values=_per_layer_embeddings)
GEMMA4_UNIFIED = Family(
    gemma4, gemma4_unified, _NAMES, ("image", "video", "audio"), kept_values=_per_layer_embeddings
)
