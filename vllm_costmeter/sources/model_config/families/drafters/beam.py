"""Beam's DFlash 2 drafter, which never has tables of its own (vLLM 0.33, models/beam/nvidia/dflash2.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.drafters.dflash import dflash2
from vllm_costmeter.sources.model_config.families.source import Source


def dflash2_beam(source: Source) -> Weights:
    """As DFlash 2, without an embedding for the tokens not known yet."""
    weights = dflash2(source)
    return replace(
        weights, first=tuple(part for part in weights.first if part.name != "model.mask_embedding")
    )
