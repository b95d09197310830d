"""GPTQ's lists and rules of modules; what they weigh is held against vLLM in `test_families`."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.quantization.scheme import PLAIN, Quantization
from vllm_costmeter.sources.model_config.quantization.section import quantization_of
from vllm_costmeter.sources.model_config.reader import ConfigReader

QKV = ("q_proj", "k_proj", "v_proj")


def read(**section: object) -> Quantization:
    root = ConfigReader(
        {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128, **section}}
    )
    return quantization_of(root, root, ())


def test_the_first_rule_that_matches_applies() -> None:
    """A negative one leaves the module alone, even where a later one would quantize it."""
    found = read(dynamic={"-:.*o_proj": {}, ".*layers\\.1\\..*": {"bits": 8}})
    assert found.linear_scheme("model.layers.1.self_attn.o_proj", ()) is PLAIN
    eight = found.linear_scheme("model.layers.1.mlp.down_proj", ())
    assert eight != found.linear_scheme("model.layers.11.mlp.down_proj", ())


def test_projections_that_vllm_fuses_are_quantized_together_or_not_at_all() -> None:
    """A list with one of three is refused, as vLLM refuses it."""
    name = "model.layers.0.self_attn.qkv_proj"
    with pytest.raises(BadInputError, match="some but not all"):
        read(modules_in_block_to_quantize=["q_proj"]).linear_scheme(name, QKV)
    whole = read(modules_in_block_to_quantize=[["q_proj", "k_proj", "v_proj"], ["o_proj"]])
    assert whole.linear_scheme(name, QKV) is not PLAIN
    assert whole.linear_scheme("model.layers.0.mlp.down_proj", ()) is PLAIN


def test_more_rules_than_can_be_matched_in_time_are_unknown() -> None:
    """No published file comes near."""
    with pytest.raises(NotUnderstoodError, match="rules"):
        read(dynamic={f"-:layer{index}": {} for index in range(2000)})
    with pytest.raises(NotUnderstoodError, match="modules"):
        read(modules_in_block_to_quantize=[f"layer{index}" for index in range(2000)])
