"""Architectures without a published configuration at hand, against vLLM 0.32's own model code.

Each line of `weights_vllm_0.32_cpu.jsonl` holds a configuration (of defaults, made small, or a published one)
and the bytes of the parameters and buffers that vLLM 0.32.0's CPU build allocates for it on the meta device, on one
of two tensor-parallel ranks (built with a fake process group, 2026-11).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.sources.model_config import model_from_config

LINES: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data" / "weights_vllm_0.32_cpu.jsonl").read_text().splitlines()
]
TOLERANCE = 5e-5
"""Granite 4's mixers register a view of their convolution a second time; all others are equal to the byte."""


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["name"])
def test_a_family_weighs_what_vllm_builds(line: dict[str, Any]) -> None:
    """Encoders, rerankers, hybrids, encoder-decoders and vision towers, on one of two ranks."""
    model = model_from_config(line["config"], line["name"])
    (ours,) = model.weights_bytes(EngineArgs(layout=ParallelConfig(tensor_parallel_size=line["tp"])))
    assert ours == pytest.approx(line["weights_bytes"], rel=TOLERANCE)
    if line["name"] != "granitemoehybrid":
        assert ours == line["weights_bytes"]


def test_a_searched_llama_weighs_what_four_gpus_logged() -> None:
    """Llama 3.3 Nemotron Super 49B over four GPUs logged 23.2619 GiB each: here the rule for one block."""
    config = {
        "architectures": ["DeciLMForCausalLM"],
        "model_type": "nemotron-nas",
        "hidden_size": 8192,
        "num_attention_heads": 64,
        "num_hidden_layers": 2,
        "vocab_size": 128256,
        "max_position_embeddings": 131072,
        "block_configs": [
            {
                "attention": {"n_heads_in_group": 8, "no_op": False},
                "ffn": {"ffn_mult": 2.625, "no_op": False},
            },
            {"attention": {"no_op": True}, "ffn": {"no_op": True}},
        ],
    }
    model = model_from_config(config, "searched")
    attention = 8192 * (64 + 2 * 8) * 128 + 8192 * 8192 + 8192
    mlp = 3 * 8192 * 14336 + 8192
    assert model.parameters == attention + mlp + 2 * 128256 * 8192 + 8192
