"""Any config.json, however broken, gives a model or one of our two errors, and soon."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from measured import takes_at_most

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.sources.model_config import model_from_config

DATA = Path(__file__).parents[2] / "data" / "models"
CONFIGS = {
    folder.name: json.loads((folder / "config.json").read_text())
    for folder in DATA.iterdir()
    if folder.is_dir()
}
TORCHAO = [json.loads(line) for line in (DATA.parent / "torchao_vllm_0.32.jsonl").read_text().splitlines()]
CONFIGS |= {f"torchao {line['name']}": line["config"] for line in TORCHAO}
NAMES = sorted(CONFIGS)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.sampled_from([0, 1, 2, 3, 7, 63, 4096, 1 << 40, 1 << 41]),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.one_of(st.integers(-5, 300), st.text(max_size=5), st.none()), max_size=4),
    st.dictionaries(st.text(max_size=8), st.integers(), max_size=3),
)
PLANS = st.builds(
    EngineArgs,
    layout=st.builds(
        ParallelConfig,
        tensor_parallel_size=st.sampled_from([1, 2, 3, 8, 64]),
        pipeline_parallel_size=st.sampled_from([1, 2, 5]),
        data_parallel_size=st.sampled_from([1, 2]),
        enable_expert_parallel=st.booleans(),
    ),
    dtype=st.sampled_from(["auto", "float32", "bfloat16"]),
    quantization=st.sampled_from([None, "fp8", "awq", "nonsense"]),
)


def sections(values: dict[str, Any]) -> list[dict[str, Any]]:
    """The root and the nested objects in which a field may be changed."""
    found = [values]
    for value in values.values():
        if isinstance(value, dict):
            found += sections(value)
    return found


def weigh(values: Any, engine_args: EngineArgs) -> None:
    """A model with weights, or one of the two errors, within a second."""
    assert takes_at_most(1.0, lambda: _weigh(values, engine_args))


def _weigh(values: Any, engine_args: EngineArgs) -> None:
    said = ""
    try:
        model = model_from_config(values, "fuzzed")
        assert all(size >= 0 for size in model.weights_bytes(engine_args))
        assert model.parameters is None or model.parameters >= 0
        assert all(size >= 0 for size in model.allocator_slack_bytes(engine_args))
        assert model.prediction is None or model.prediction.bytes_on_last_rank(engine_args) >= 0
    except (BadInputError, NotUnderstoodError) as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 600


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), name=st.sampled_from(NAMES), engine_args=PLANS)
def test_a_published_config_with_fields_removed_or_retyped(
    data: st.DataObject, name: str, engine_args: EngineArgs
) -> None:
    """Up to three fields anywhere are dropped or hold something odd."""
    values = copy.deepcopy(CONFIGS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        section = data.draw(st.sampled_from(sections(values)))
        if section:
            key = data.draw(st.sampled_from(sorted(section)))
            if data.draw(st.booleans()):
                del section[key]
            else:
                section[key] = data.draw(ODD)
    weigh(values, engine_args)


@settings(max_examples=100, deadline=None)
@given(
    values=st.dictionaries(
        st.sampled_from(["architectures", "hidden_size", "text_config", "quantization_config", "dtype"]),
        st.one_of(ODD, st.just(["LlamaForCausalLM"]), st.just(["Gemma4ForConditionalGeneration"])),
    ),
    engine_args=PLANS,
)
def test_an_arbitrary_object(values: dict[str, Any], engine_args: EngineArgs) -> None:
    """Nothing but a few keys with odd values."""
    weigh(values, engine_args)


@settings(max_examples=150, deadline=None)
@given(section=st.data(), name=st.sampled_from(["meta-llama__Llama-3.1-8B-Instruct", "Qwen__Qwen3-30B-A3B"]))
def test_an_arbitrary_quantization_section(section: st.DataObject, name: str) -> None:
    """Methods, lists and groups in any combination."""
    names = st.lists(st.sampled_from(["lm_head", "re:.*mlp.*", "re:(", "model.layers.1*", "Linear", "", 3]))
    group = st.dictionaries(
        st.sampled_from(["targets", "weights", "input_activations", "format"]),
        st.one_of(
            names,
            st.dictionaries(
                st.sampled_from(["num_bits", "type", "strategy", "group_size", "symmetric", "dynamic"]),
                st.sampled_from(
                    [0, 4, 8, 16, 32, 128, "int", "float", "group", "channel", "block", True, None]
                ),
            ),
        ),
    )
    drawn = section.draw(
        st.fixed_dictionaries(
            {
                "quant_method": st.sampled_from(
                    [
                        "fp8",
                        "gptq",
                        "awq",
                        "compressed-tensors",
                        "modelopt",
                        "mxfp4",
                        "bitsandbytes",
                        "",
                        "x",
                        4,
                    ]
                )
            },
            optional={
                "ignore": names,
                "modules_to_not_convert": names,
                "exclude_modules": names,
                "weight_block_size": st.sampled_from([[128, 128], [0, 1], [7], "x", [128, None]]),
                "quant_algo": st.sampled_from(["FP8", "NVFP4", "MIXED_PRECISION", "nope", 3]),
                "quantized_layers": st.sampled_from(
                    [{}, {"a": {}}, {"a": {"quant_algo": "FP8"}}, [], {"a": 1}]
                ),
                "bits": st.sampled_from([4, 8, 3, 0, "4"]),
                "group_size": st.sampled_from([128, -1, 0, 7, "x"]),
                "activation_scheme": st.sampled_from(["static", "dynamic", 1]),
                "config_groups": st.dictionaries(st.sampled_from(["group_0", "group_1"]), group),
            },
        )
    )
    weigh(
        CONFIGS[name] | {"quantization_config": drawn},
        EngineArgs(layout=ParallelConfig(tensor_parallel_size=2)),
    )
