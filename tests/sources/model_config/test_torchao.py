"""torchao checkpoints, against what vLLM 0.32.0 builds with torchao 0.18.0.

Each line of `torchao_vllm_0.32.jsonl` (2026-11, `scripts/answers/torchao.py`) is a small configuration and the bytes of
the parameters and buffers on one tensor-parallel rank, the parts of torchao's tensors each, for a pretended H100 on the
meta device; null: torchao refuses the division.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.parts import LinearShape
from vllm_costmeter.core.quantization.schemes.torchao import TorchAo
from vllm_costmeter.sources.model_config import model_from_config
from vllm_costmeter.sources.model_config.quantization.torchao import torchao
from vllm_costmeter.sources.model_config.reader import ConfigReader

FILE = Path(__file__).parents[2] / "data" / "torchao_vllm_0.32.jsonl"
LINES: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text().splitlines()]
SHAPE = LinearShape(4096, (4096, 1024, 1024), 4096, False, False, 2, "qkv_proj")


def read(type_: str, data: dict[str, Any], version: int = 2) -> TorchAo:
    default = {"_type": type_, "_version": version, "_data": data}
    return torchao(ConfigReader({"quant_method": "torchao", "quant_type": {"default": default}}))


def linear_bytes(quantization: TorchAo, name: str = "model.layers.0.self_attn.qkv_proj") -> int:
    return sum(quantization.linear_scheme(name, ()).linear_tensors(SHAPE))


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["name"])
def test_a_checkpoint_weighs_what_vllm_builds(line: dict[str, Any]) -> None:
    """To the byte, or refused where torchao refuses: each type, granularity and list of modules."""
    model = model_from_config(line["config"], line["name"])
    for answer in line["answers"]:
        engine_args = EngineArgs(layout=ParallelConfig(answer["tp"]))
        if answer["weights_bytes"] is None:
            with pytest.raises(BadInputError, match="torchao refuses"):
                model.weights_bytes(engine_args)
        else:
            assert model.weights_bytes(engine_args) == (answer["weights_bytes"],)


def test_int4_is_half_a_byte_and_four_bytes_a_group() -> None:
    """Plain and preshuffled alike; the older tiled layout pads what it must."""
    values = 4096 * 6144
    for packing in ("plain", {"_type": "Int4PackingFormat", "_data": "PRESHUFFLED"}):
        found = read("Int4WeightOnlyConfig", {"group_size": 32, "int4_packing_format": packing})
        assert linear_bytes(found) == values // 2 + values // 32 * 4
    tiled = {"group_size": 128, "layout": {"_type": "TensorCoreTiledLayout", "_data": {"inner_k_tiles": 8}}}
    assert linear_bytes(read("Int4WeightOnlyConfig", tiled, version=1)) == values // 2 + values // 128 * 4


def test_names_are_matched_as_vllm_matches_them() -> None:
    """Whole words of a name skip it, its own entry comes first, then the first expression that matches all of it."""
    int8 = {"_type": "Int8WeightOnlyConfig", "_version": 2, "_data": {}}
    by_name = {"re:.*layers\\.1\\..*": int8, "model.layers.1.mlp.down_proj": None, "_default": None}
    found = read("ModuleFqnToConfig", {"module_fqn_to_config": by_name}, version=1)
    plain, quantized = 2 * 4096 * 6144, 4096 * 6144 + 6144 * 5
    assert linear_bytes(found, "model.layers.1.mlp.up_proj") == quantized
    assert linear_bytes(found, "model.layers.1.mlp.down_proj") == plain
    assert linear_bytes(found, "model.layers.11.mlp.up_proj") == plain


@pytest.mark.parametrize(
    ("type_", "data", "version"),
    [
        ("Float8StaticActivationFloat8WeightConfig", {}, 2),
        ("Int4WeightOnlyConfig", {"int4_packing_format": "plain_int32"}, 2),
        ("Int4WeightOnlyConfig", {"layout": {"_type": "MarlinSparseLayout"}}, 1),
        ("Int8WeightOnlyConfig", {"group_size": 32}, 1),
        ("Int8WeightOnlyConfig", {"granularity": "rows"}, 2),
        ("IntxWeightOnlyConfig", {"intx_packing_format": "opaque_torchao_auto"}, 2),
        ("Float8DynamicActivationFloat8WeightConfig", {"packing_format": "sparse_2d_data_2d_metadata"}, 2),
    ],
)
def test_what_has_no_rules_is_unknown(type_: str, data: dict[str, Any], version: int) -> None:
    """The message names the type; no number is guessed."""
    with pytest.raises(NotUnderstoodError, match=f"torchao's {type_}"):
        read(type_, data, version)


def test_a_section_that_vllm_refuses_is_refused() -> None:
    """The older spelling, a word for the type, and more than one key."""
    for kind in (None, "int4_weight_only", {}, {"default": {}, "other": {}}):
        with pytest.raises(BadInputError, match="quant_type"):
            torchao(ConfigReader({"quant_method": "torchao", "quant_type": kind}))
