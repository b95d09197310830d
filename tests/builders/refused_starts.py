"""Checks of published models with any flags, for the tests of `core.refusals`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vllm_costmeter.api import check
from vllm_costmeter.core.fit.result import Fit

MODELS = Path(__file__).parents[1] / "data" / "models"


def judged(model: str, gpu: str = "H200 SXM", release: str = "0.33.0", **flags: Any) -> Fit:
    """The answer for a short context, so that memory refuses nothing."""
    return check(str(MODELS / model), gpu, **{"max_model_len": 8192, "vllm_version": release, **flags})


def arguments(result: Fit) -> list[str]:
    """The suggestions, as flags."""
    return [each.arguments for each in result.suggestions]
