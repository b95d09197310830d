"""The parameters that work for one token, against what the models' authors state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.meter.split.model_work import model_work
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.sources.model_config import model_from_config

MODELS = Path(__file__).parents[3] / "data" / "models"


@pytest.mark.parametrize(
    ("name", "active_billions", "experts"),
    [
        ("Qwen__Qwen3-30B-A3B", 3.3, (128, 8)),
        ("mistralai__Mixtral-8x7B-v0.1", 12.9, (8, 2)),
        ("meta-llama__Meta-Llama-3.1-8B", 8.0, (0, 0)),
    ],
)
def test_only_the_chosen_experts_work_for_a_token(
    name: str, active_billions: float, experts: tuple[int, int]
) -> None:
    """Qwen's model card says 3.3B activated, Mistral's paper 12.9B; a dense model works whole."""
    config = json.loads((MODELS / name / "config.json").read_text())
    work = model_work(model_from_config(config, name), EngineArgs(), NEWEST)
    assert work.active_parameters / 1e9 == pytest.approx(active_billions, rel=0.03)
    assert (work.experts, work.experts_per_token) == experts
