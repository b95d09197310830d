"""Reading config.json from disk: every faulty file is one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.sources.model_config import read_model

TINY = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
    "max_position_embeddings": 1024,
    "torch_dtype": "bfloat16",
}


def write(folder: Path, text: str) -> Path:
    (folder / "config.json").write_text(text)
    return folder


def test_a_folder_and_its_config_are_the_same_model(tmp_path: Path) -> None:
    """`costmeter check FOLDER` and `costmeter check FOLDER/config.json` weigh the same."""
    write(tmp_path, json.dumps(TINY))
    whole = read_model(tmp_path, "tiny")
    assert read_model(tmp_path / "config.json", "tiny").weights_bytes(EngineArgs()) == whole.weights_bytes(
        EngineArgs()
    )
    assert whole.id == "tiny"


def test_quantization_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    """ModelOpt's hf_quant_config.json beside config.json halves the linear layers."""
    plain = read_model(write(tmp_path, json.dumps(TINY)))
    (tmp_path / "hf_quant_config.json").write_text(json.dumps({"quantization": {"quant_algo": "FP8"}}))
    assert read_model(tmp_path).quantization == "modelopt"
    assert read_model(tmp_path).weights_bytes(EngineArgs()) < plain.weights_bytes(EngineArgs())


def test_a_sentence_transformers_folder_has_no_output_head(tmp_path: Path) -> None:
    """Qwen3-Embedding-8B logs 14.11 GiB, its causal twin 15.26: the difference is the head."""
    causal = read_model(write(tmp_path, json.dumps(TINY)))
    (tmp_path / "modules.json").write_text("[]")
    embedder = read_model(tmp_path)
    assert embedder.is_pooling
    assert causal.weights_bytes(EngineArgs())[0] - embedder.weights_bytes(EngineArgs())[0] == 2 * 1024 * 256


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ('{"architectures": ["Llama', "not valid JSON"),
        ("not json", "not valid JSON"),
        ("[1, 2]", "must hold a JSON object"),
        ('"text"', "must hold a JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": [' + "1," * 600_000 + "1]}", "more than 500000 values"),
        ('{"hidden_size": ' + "9" * 5000 + "}", "not valid JSON"),
        (json.dumps(TINY | {"hidden_size": "4096"}), "hidden_size must be a whole number"),
        (json.dumps(TINY | {"hidden_size": -1}), "hidden_size must be between"),
        (json.dumps(TINY | {"num_hidden_layers": 10**9}), "num_hidden_layers must be between"),
        (json.dumps(TINY).replace("256", "1e400"), "hidden_size must be a whole number"),
        (json.dumps(TINY).replace("256", "NaN"), "hidden_size must be a whole number"),
        (json.dumps(TINY | {"architectures": None}), "architectures is missing"),
        (json.dumps(TINY | {"torch_dtype": "int4"}), "dtype 'int4'"),
    ],
)
def test_a_faulty_config_is_one_line_that_says_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    """Empty, truncated, no object, too deep, too large, strings or nonsense for numbers."""
    with pytest.raises(BadInputError, match=r"^[^\n]{1,400}$") as caught:
        read_model(write(tmp_path, text)).weights_bytes(EngineArgs())
    assert says in str(caught.value)


def test_infinity_where_nobody_looks_is_no_fault(tmp_path: Path) -> None:
    """Nemotron 3 Super publishes `time_step_limit: [0, Infinity]`, and vLLM serves it."""
    text = json.dumps(TINY | {"time_step_limit": [0.0, float("inf")]})
    assert read_model(write(tmp_path, text)).architecture == "LlamaForCausalLM"


def test_a_misspelt_path_names_its_neighbour(tmp_path: Path) -> None:
    """The user sees what is there instead."""
    (tmp_path / "Llama-3.1-8B").mkdir()
    with pytest.raises(BadInputError, match=r"does not exist; nearest: Llama-3\.1-8B"):
        read_model(tmp_path / "Llama-3.1-8b-it")
    with pytest.raises(BadInputError, match=r"Llama-3\.1-8B: holds no config\.json; give the folder"):
        read_model(tmp_path / "Llama-3.1-8B")


def test_formats_without_a_config_are_not_understood(tmp_path: Path) -> None:
    """GGUF: unknown is not wrong."""
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(NotUnderstoodError, match="GGUF"):
        read_model(tmp_path)
    with pytest.raises(NotUnderstoodError, match="GGUF"):
        read_model(tmp_path / "model.gguf")


def test_a_file_of_17_mib_is_refused_unread(tmp_path: Path) -> None:
    """Size is bounded before anything is parsed."""
    with pytest.raises(BadInputError, match="larger than 16 MiB"):
        read_model(write(tmp_path, " " * (17 << 20)))


def test_a_rotary_factor_below_zero_is_refused(tmp_path: Path) -> None:
    """It would make a table of less than nothing."""
    scaled = {**TINY, "rope_scaling": {"rope_type": "linear", "factor": -2.0}}
    with pytest.raises(BadInputError, match=r"rope_scaling\.factor must be above 0"):
        read_model(write(tmp_path, json.dumps(scaled)))
