"""Mistral's params.json, read as vLLM 0.32's adapter reads it; sizes and caches are held against vLLM in the lines
`params-*` of families_vllm_0.32.jsonl, which vLLM answered from the same file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from checkpoint_files import write_raw

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.model_config import config_files, model_from_config, read_model
from vllm_costmeter.sources.model_config.mistral import config_of_params
from vllm_costmeter.sources.models.local import local_model

PARAMS: dict[str, Any] = {
    "dim": 256,
    "n_layers": 4,
    "head_dim": 32,
    "hidden_dim": 512,
    "n_heads": 8,
    "n_kv_heads": 4,
    "norm_eps": 1e-05,
    "vocab_size": 1000,
    "rope_theta": 1e6,
}
HF = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 8192}


def folder(path: Path, **files: object) -> Path:
    """A folder with these JSON files, named without their ending."""
    for name, values in files.items():
        (path / f"{name}.json").write_text(json.dumps(values))
    return path


def test_params_alone_are_read(tmp_path: Path) -> None:
    """A folder, or the file itself, without a config.json; where no length is stated vLLM takes 128,000."""
    model = read_model(folder(tmp_path, params=PARAMS))
    assert (model.architecture, model.max_model_len) == ("MistralForCausalLM", 128_000)
    assert model.sizes.num_key_value_heads == 4
    assert local_model(tmp_path / "params.json").architecture == "MistralForCausalLM"


def test_another_params_json_is_no_model(tmp_path: Path) -> None:
    """A file of that name that describes something else."""
    with pytest.raises(BadInputError, match=r"params\.json: states no dim and n_layers"):
        read_model(folder(tmp_path, params={"lr": 1e-4}))


def test_config_json_counts_where_no_weights_are_mistrals(tmp_path: Path) -> None:
    """vLLM reads params.json only beside consolidated weights; config.json then fills in what it leaves out."""
    both = folder(tmp_path, params=PARAMS, config=HF)
    assert config_files(both) == (HF, None)
    (both / "consolidated.safetensors").write_bytes(b"")
    found = config_files(both)
    assert found is not None
    model = model_from_config(found[0], "both")
    assert (model.architecture, model.max_model_len) == ("MistralForCausalLM", 8192)


@pytest.mark.parametrize(("kind", "served"), [("F16", "float16"), ("BF16", "bfloat16"), ("F32", "bfloat16")])
def test_the_dtype_is_that_of_the_weights(tmp_path: Path, kind: str, served: str) -> None:
    """params.json states none; vLLM takes the one that holds every tensor."""
    size = 4 if kind == "F32" else 2
    tensors = {"norm.weight": {"dtype": kind, "shape": [4], "data_offsets": [0, 4 * size]}}
    file = folder(tmp_path, params=PARAMS) / "consolidated.safetensors"
    write_raw(file, json.dumps(tensors).encode(), 4 * size)
    assert local_model(tmp_path).dtype == served


def test_a_pattern_of_windows_repeats_over_the_layers() -> None:
    """[None, 1024] is full attention in every other layer."""
    config = config_of_params({**PARAMS, "sliding_window": [None, 1024]}, "x")
    assert config["layer_types"] == ["full_attention", "sliding_attention"] * 2
    assert config["sliding_window"] == 1024


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"sliding_window": [512, 1024]}, "names 2 sizes"),
        ({"sliding_window": "wide"}, "a number or a list"),
        ({"quantization": {"qformat_weight": "int3"}}, "neither fp8_e4m3 nor compressed-tensors"),
        ({"quantization": {"qformat_weight": "fp8_e4m3", "qscheme_act": "ROW"}}, "NO_SCALES or TENSOR"),
        ({"yarn": {"factor": 4, "gamma": 1}}, "yarn.gamma is not read"),
        ({"moe": {"num_shared_experts": 1}}, "llama_4_scaling is missing"),
        (
            {
                "vision_encoder": {"hidden_size": 8},
                "multimodal": {"whisper_model_args": {"encoder_args": {"dim": 8}}},
            },
            "both a vision and an audio encoder",
        ),
    ],
)
def test_what_vllms_adapter_refuses_is_one_line(stated: dict[str, Any], says: str) -> None:
    """Its assertions, before a server starts."""
    with pytest.raises(BadInputError, match=f"^x: .*{says}"):
        config_of_params({**PARAMS, **stated}, "x")


def test_modules_of_a_voxtral_are_renamed() -> None:
    """What compressed-tensors leaves out is named as Mistral names it; vLLM's class renames it."""
    audio = {
        "encoder_args": {"dim": 8, "audio_encoding_args": {}},
        "downsample_args": {"downsample_factor": 4},
    }
    stated = {
        "multimodal": {"whisper_model_args": audio},
        "quantization": {"quant_method": "compressed_tensors", "ignore": ["layers.3.attention.wq", "output"]},
    }
    found = config_of_params({**PARAMS, **stated}, "x")["quantization_config"]
    assert found["ignore"] == ["language_model.model.layers.3.self_attn.q_proj", "language_model.lm_head"]
