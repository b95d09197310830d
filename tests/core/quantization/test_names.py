"""Which scheme a layer gets from the lists of a quantization config."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.quantization.names import name_rules
from vllm_costmeter.core.quantization.scheme import PLAIN, Scheme
from vllm_costmeter.core.quantization.schemes.checkpoint_fp8 import ListedFp8
from vllm_costmeter.core.quantization.schemes.compressed_tensors import CompressedTensors, TargetGroup
from vllm_costmeter.core.quantization.schemes.fp4 import Nvfp4
from vllm_costmeter.core.quantization.schemes.fp8 import EightBitPerChannel, Fp8PerBlock
from vllm_costmeter.core.quantization.schemes.modelopt import ModelOpt, ModelOptMixed

QKV = ("q_proj", "k_proj", "v_proj")
NVFP4, FP8, CHANNEL = Nvfp4(), Fp8PerBlock(), EightBitPerChannel()


def compressed(*ignored: str, **groups: Scheme) -> CompressedTensors:
    found = tuple(TargetGroup(name_rules([target]), scheme) for target, scheme in groups.items())
    return CompressedTensors("compressed-tensors", found, name_rules(ignored))


def test_fused_projections_follow_their_parts() -> None:
    """All three excluded: excluded; some of them: vLLM refuses the checkpoint."""
    parts = [f"model.layers.0.self_attn.{part}" for part in QKV]
    name = "model.layers.0.self_attn.qkv_proj"
    assert ListedFp8("fp8", FP8, FP8, name_rules(parts)).linear_scheme(name, QKV) is PLAIN
    assert ListedFp8("fp8", FP8, FP8, name_rules(())).linear_scheme(name, QKV) is FP8
    with pytest.raises(BadInputError, match="some but not all"):
        ListedFp8("fp8", FP8, FP8, name_rules(parts[:1])).linear_scheme(name, QKV)


def test_modelopt_excludes_by_name_substring_and_wildcard() -> None:
    """`self_attn*` of one layer leaves the other layers and that layer's MLP quantized."""
    rules = ModelOpt("modelopt_fp4", NVFP4, name_rules(["lm_head", "model.layers.3.self_attn*", "router"]))
    assert rules.linear_scheme("model.layers.3.self_attn.o_proj", ()) is PLAIN
    assert rules.linear_scheme("model.layers.30.self_attn.o_proj", ()) is NVFP4
    assert rules.linear_scheme("model.layers.3.mlp.down_proj", ()) is NVFP4
    assert rules.linear_scheme("model.layers.4.mlp.router.proj", ()) is PLAIN
    assert rules.head_scheme("lm_head") is PLAIN
    assert rules.linear_scheme("vision_tower.blocks.0.attn.proj", ()) is PLAIN


def test_mixed_precision_looks_layers_up_one_by_one() -> None:
    """Listed layers get their algorithm, fused ones their parts', experts what lies below them, others none."""
    listed = {f"l.layers.0.self_attn.{part}": "FP8" for part in QKV} | {
        "l.layers.0.mlp.experts.7.up": "NVFP4"
    }
    rules = ModelOptMixed(
        "modelopt_mixed", {"FP8": CHANNEL, "NVFP4": NVFP4}, listed, name_rules(listed), name_rules(()), False
    )
    assert rules.linear_scheme("l.layers.0.self_attn.qkv_proj", QKV) is CHANNEL
    assert rules.experts_scheme("l.layers.0.mlp.experts", ()) is NVFP4
    assert rules.linear_scheme("l.layers.1.self_attn.qkv_proj", QKV) is PLAIN


def test_compressed_tensors_prefers_a_name_to_a_class() -> None:
    """A group that names the layer wins over one that targets every Linear; ignored layers get none."""
    rules = compressed("re:.*self_attn.*", **{"Linear": CHANNEL, "re:.*down_proj": NVFP4})
    assert rules.linear_scheme("model.layers.0.mlp.down_proj", ()) is NVFP4
    assert rules.linear_scheme("model.layers.0.mlp.gate_up_proj", ("gate_proj", "up_proj")) is CHANNEL
    assert rules.linear_scheme("model.layers.0.self_attn.qkv_proj", QKV) is PLAIN
    assert rules.experts_scheme("model.layers.0.mlp.experts", ("gate_proj", "up_proj")) is CHANNEL
    assert rules.head_scheme("lm_head") is PLAIN


@pytest.mark.parametrize("pattern", ["re:(a+)+b", "re:" + "a" * 600])
def test_an_expression_that_may_never_end_is_not_tried(pattern: str) -> None:
    """A checkpoint cannot hang the check."""
    with pytest.raises(NotUnderstoodError, match="forever"):
        compressed(pattern, Linear=CHANNEL).linear_scheme("model.layers.0.mlp.down_proj", ())


@given(
    st.integers(0, 99), st.integers(0, 99), st.sampled_from(["model.layers.{}.mlp*", "model.layers.{}*", "x"])
)
def test_layers_with_equal_keys_are_treated_alike(first: int, second: int, entry: str) -> None:
    """One evaluation may stand for both."""
    rules = ModelOpt("modelopt", NVFP4, name_rules([entry.format(7), entry.format(1)]))
    names = [f"model.layers.{index}.mlp.down_proj" for index in (first, second)]
    schemes = [rules.linear_scheme(name, ()) for name in names]
    if rules.layer_key(first) == rules.layer_key(second):
        assert schemes[0] is schemes[1]
