"""EXAONE 4.5 (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.dense.styles import EXAONE4
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.qwen import BOTH, QWEN_VL_NAMES
from vllm_costmeter.sources.model_config.families.prediction import behind_fc, head_like
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.qwen_vl import exaone4_5


def _prediction(source: Source, target: Weights, count: int) -> Weights | None:
    """Layers of the kinds that the model's own with the same numbers have."""
    if count > len(target.layers):
        return None
    own = () if target.is_tied else head_like(target)
    return behind_fc(source, target, target.layers[:count], own)


EXAONE4_5 = Family(EXAONE4, exaone4_5, QWEN_VL_NAMES, BOTH, prediction=_prediction)
