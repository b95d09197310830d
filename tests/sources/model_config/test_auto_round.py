"""AutoRound's layers and blocks; the order is that of vLLM's `INCConfigParser`."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.quantization.scheme import PLAIN, Quantization
from vllm_costmeter.sources.model_config.quantization.section import quantization_of
from vllm_costmeter.sources.model_config.reader import ConfigReader

QKV = ("q_proj", "k_proj", "v_proj")
LAYER = "language_model.model.layers.3"
RENAMES = (("model.language_model.", "language_model.model."),)


def read(**section: object) -> Quantization:
    method = {"quant_method": "auto-round", "bits": 4, "group_size": 128, "data_type": "int"}
    root = ConfigReader({"quantization_config": {**method, **section}})
    return quantization_of(root, root, RENAMES)


def test_layers_of_16_bits_stay_plain() -> None:
    """Under the checkpoint's name, by an expression, and by the end of a name."""
    found = read(
        extra_config={
            "model.language_model.layers.3.mlp.down_proj": {"bits": 16, "data_type": "float"},
            r".*linear_attn\.in_proj_[ab]": {"bits": 16},
            "router": {"bits": 16},
        }
    )
    for name in ("mlp.down_proj", "linear_attn.in_proj_a", "mlp.router"):
        assert found.linear_scheme(f"{LAYER}.{name}", ()) is PLAIN
    assert found.linear_scheme(f"{LAYER}.mlp.gate_proj", ()) is not PLAIN
    assert found.linear_scheme("language_model.model.layers.4.mlp.down_proj", ()) is not PLAIN
    assert found.layer_key(3) != found.layer_key(4) == found.layer_key(5)


def test_fused_projections_need_one_scheme() -> None:
    """All in 16 bits, or all of another width; a mixture is refused, as vLLM refuses it."""
    name = f"{LAYER}.self_attn.qkv_proj"
    every = {f"model.language_model.layers.3.self_attn.{part}": {"bits": 16} for part in QKV}
    assert read(extra_config=every).linear_scheme(name, QKV) is PLAIN
    eight = read(extra_config={part: {"bits": 8} for part in every}).linear_scheme(name, QKV)
    assert eight not in (PLAIN, read().linear_scheme(name, QKV))
    with pytest.raises(BadInputError, match="quantized differently"):
        read(extra_config=dict(list(every.items())[:1])).linear_scheme(name, QKV)


@pytest.mark.parametrize(
    "blocks",
    [
        {"block_name_to_quantize": "model.language_model.layers"},
        {"block_name_to_quantize": "model.language_model.layers,model.other"},
        {"to_quant_block_names": [["model.language_model.layers.3"], ["model.other"]]},
    ],
)
def test_only_the_named_blocks_are_quantized(blocks: dict[str, object]) -> None:
    """A vision tower outside them stays plain."""
    found = read(**blocks)
    assert found.linear_scheme(f"{LAYER}.mlp.down_proj", ()) is not PLAIN
    assert found.linear_scheme("visual.blocks.0.mlp.linear_fc1", ()) is PLAIN


def test_experts_are_found_by_their_layers_name() -> None:
    """Every expert's entries must agree."""
    name = f"{LAYER}.mlp.experts"
    entry = "model.language_model.layers.3.mlp.experts.{}.down_proj"
    assert read(extra_config={entry.format(0): {"bits": 16}}).experts_scheme(name, ()) is PLAIN
    assert read().experts_scheme(name, ()) is not PLAIN
    with pytest.raises(BadInputError, match="quantized differently"):
        read(extra_config={entry.format(0): {"bits": 16}, entry.format(1): {"bits": 8}}).experts_scheme(
            name, ()
        )


def test_the_head_is_quantized_only_by_name() -> None:
    """vLLM leaves it in 16 bits otherwise."""
    assert read().head_scheme("lm_head") is PLAIN
    assert read(extra_config={"lm_head": {"bits": 8}}).head_scheme("language_model.lm_head") is not PLAIN


@pytest.mark.parametrize(
    "section",
    [
        {"dynamic": {"x": {}}},
        {"data_type": "mx_fp"},
        {"extra_config": {"model.language_model.layers.3.mlp.down_proj": {"bits": 8, "data_type": "mx_fp"}}},
        {"extra_config": {f".*{number}": {"bits": 16} for number in range(2000)}},
    ],
)
def test_other_kinds_are_not_known(section: dict[str, object]) -> None:
    """Floating-point formats, rules of GPTQ's kind, and more expressions than can be matched in time."""
    with pytest.raises(NotUnderstoodError):
        read(**section)
