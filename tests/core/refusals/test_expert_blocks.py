"""Experts in FP8 blocks that tensor parallelism would cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.api import check
from vllm_costmeter.core.fit.result import Fit

MODEL = Path(__file__).parents[2] / "data" / "models" / "Qwen__Qwen3-30B-A3B-FP8"
COMPRESSED = {
    "quant_method": "compressed-tensors",
    "format": "float-quantized",
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "float", "strategy": "block", "block_structure": [128, 128]},
            "input_activations": {"num_bits": 8, "type": "float", "strategy": "group", "dynamic": True},
        }
    },
    "ignore": ["lm_head", "re:.*mlp.gate$"],
}


def judged(model: Path, tensor_parallel_size: int, release: str, **flags: Any) -> Fit:
    return check(
        str(model),
        "H100 SXM:8",
        tensor_parallel_size=tensor_parallel_size,
        max_model_len=8192,
        vllm_version=release,
        **flags,
    )


@pytest.mark.parametrize(
    ("tensor_parallel_size", "release", "verdict"),
    [
        (2, "0.17.0", "fits"),
        (4, "0.17.0", "refused"),
        (4, "0.28.0", "refused"),
        (8, "0.28.0", "refused"),
        (4, "0.29.0", "fits"),
        (8, "0.33.0", "fits"),
    ],
)
def test_a_share_that_cuts_a_block_is_refused_up_to_0_28(
    tensor_parallel_size: int, release: str, verdict: str
) -> None:
    """768 over 4 ranks is 192 and over 8 is 96; 0.29 takes finer blocks of 64 and 32."""
    assert judged(MODEL, tensor_parallel_size, release).verdict == verdict


def test_whole_experts_are_suggested_and_start() -> None:
    """Expert parallelism cuts no expert."""
    refused = judged(MODEL, 8, "0.23.0")
    assert refused.reason == "parallel_layout"
    assert refused.suggestions[0].change == {"enable_expert_parallel": True}
    assert judged(MODEL, 8, "0.23.0", enable_expert_parallel=True).verdict == "fits"


@pytest.mark.parametrize(("release", "verdict"), [("0.23.0", "refused"), ("0.33.0", "refused")])
def test_compressed_tensors_refuse_it_in_every_release(release: str, verdict: str, tmp_path: Path) -> None:
    """Only checkpoints with quant_method fp8 take finer blocks."""
    config = json.loads((MODEL / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "quantization_config": COMPRESSED}))
    assert judged(tmp_path, 8, release).verdict == verdict
    assert judged(tmp_path, 2, release).verdict == "fits"
