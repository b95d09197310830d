"""`--hf-overrides` on a config.json, against what ModelConfig of vLLM 0.32 answered for Qwen3 32B and Qwen3 VL 32B."""

from __future__ import annotations

from typing import Any

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.model_config import model_from_config
from vllm_costmeter.sources.model_config.overrides import overridden, overriding

QWEN: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "hidden_size": 5120,
    "intermediate_size": 25600,
    "num_hidden_layers": 64,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
    "rope_theta": 1000000,
    "rope_scaling": None,
    "torch_dtype": "bfloat16",
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}


@pytest.mark.parametrize(
    ("overrides", "longest", "before"),
    [
        ({}, 40960, 40960),
        ({"rope_parameters": YARN}, 40960, 131072),
        ({"rope_scaling": YARN}, 40960, 131072),
        ({"rope_parameters": YARN, "max_position_embeddings": 131072}, 131072, 131072),
        ({"rope_parameters": {"rope_type": "linear", "factor": 4.0}}, 163840, 163840),
        ({"rope_theta": 500000}, 40960, 40960),
        ({"max_position_embeddings": 8192}, 8192, 8192),
        ({"num_hidden_layers": 2}, 40960, 40960),
    ],
)
def test_lengths_with_overrides(overrides: dict[str, Any], longest: int, before: int) -> None:
    """vLLM 0.30 and newer take YaRN's max_position_embeddings as scaled already; 0.29 and older multiply."""
    with overriding(overrides):
        model = model_from_config(QWEN, "m")
    assert model.max_model_len == longest
    assert (model.lengths_before_0_30 or (longest,))[0] == before


def test_sizes_and_architectures_with_overrides() -> None:
    """Layers and the class that serves it; what follows is read as ever."""
    with overriding({"num_hidden_layers": 2, "architectures": ["Qwen3ForSequenceClassification"]}):
        model = model_from_config(QWEN, "m")
    assert (model.sizes.num_hidden_layers, model.architecture) == (2, "Qwen3ForSequenceClassification")
    assert model_from_config(QWEN, "m").sizes.num_hidden_layers == 64


def test_a_section_is_merged_and_a_mapping_replaced() -> None:
    """text_config key by key, RoPE inside it too; rope_parameters at the top as a whole; a root key stays there."""
    rope = {"rope_type": "default", "rope_theta": 5000000, "mrope_section": [24, 20, 20]}
    config = {"text_config": {"num_hidden_layers": 64, "rope_scaling": rope, "vocab_size": 9}}
    updates = {"num_hidden_layers": 3, "rope_parameters": {"rope_type": "yarn", "factor": 2.0}}
    found = overridden(config, {"text_config": updates, "max_position_embeddings": 8})
    assert found["text_config"] == {
        "num_hidden_layers": 3,
        "vocab_size": 9,
        "rope_scaling": {**rope, "rope_type": "yarn", "factor": 2.0},
    }
    assert found["max_position_embeddings"] == 8
    assert overridden({"rope_scaling": rope}, {"rope_parameters": YARN}) == {"rope_parameters": YARN}


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"rope_scaling": {"type": "linear", "factor": 4.0}}, "needs rope_type"),
        ({"text_config": {"num_hidden_layers": 3}}, "has no text_config"),
        ({"rope_parameters": 3}, "must be an object"),
    ],
)
def test_overrides_with_which_vllm_stops(overrides: dict[str, Any], says: str) -> None:
    """One line on each."""
    with pytest.raises(BadInputError, match=says):
        overridden(QWEN, overrides)
