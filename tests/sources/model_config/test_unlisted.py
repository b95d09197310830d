"""AWQ and GPTQ whose config.json lists no layers: vLLM reads the weights' headers instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.memory.loaded import weights_range
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.model_config import model_from_config

MODELS = Path(__file__).parents[2] / "data"
HYBRID = MODELS / "wild" / "models" / "Qwen3.6-27B-AWQ" / "config.json"
DENSE = MODELS / "models" / "Qwen__Qwen3-32B" / "config.json"
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128}


def model(file: Path, section: dict[str, Any]) -> Model:
    return model_from_config({**json.loads(file.read_text()), "quantization_config": section}, "x")


@pytest.mark.parametrize("section", [AWQ, GPTQ], ids=["awq", "gptq"])
def test_a_hybrid_may_have_attention_in_16_bits(section: dict[str, Any]) -> None:
    """The range reaches from everything quantized to all attention plain, and a note says so; its tower, which is no
    multiple of the group, is plain."""
    found = model(HYBRID, section)
    weights = weights_range(sum(found.weights_bytes(EngineArgs())), found)
    assert weights.high_bytes > 1.3 * weights.bytes
    assert any("does not list the layers left in 16 bits" in note for note in found.notes)


@pytest.mark.parametrize(
    ("file", "section"),
    [
        (DENSE, AWQ),
        (DENSE, GPTQ),
        (HYBRID, {**AWQ, "modules_to_not_convert": ["visual", "in_proj_a", "in_proj_b"]}),
    ],
)
def test_a_list_and_a_dense_model_leave_nothing_open(file: Path, section: dict[str, Any]) -> None:
    """vLLM builds exactly what a list says; producers quantize every layer of a dense model."""
    found = model(file, section)
    assert (found.weights_most_share, found.notes) == (1.0, ())
