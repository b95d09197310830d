"""The model that a starting vLLM serves, from what vLLM's own configuration names."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from checkpoint_files import GGUF_LLAMA, TINY_LLAMA, gguf_tensor_bytes, gguf_tensors, write_gguf

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.plugin.exact.ask import ExactUnavailableError
from vllm_costmeter.plugin.exact.while_starting import counted_while_starting, unknown_being_served
from vllm_costmeter.plugin.serving.served_model import model_being_served

H100 = GpuGroup("H100 SXM", 85_029_617_336)


def config(model: str, **more: Any) -> Any:
    """What is read of a VllmConfig whose model is a two-layer Llama."""
    hf_config = SimpleNamespace(to_dict=lambda: {**TINY_LLAMA, "num_hidden_layers": 2})
    return SimpleNamespace(
        model_config=SimpleNamespace(
            model=model, hf_config_path=None, hf_config=hf_config, **{"quantization": None, **more}
        )
    )


@pytest.mark.parametrize("plugin", [True, False])
def test_a_gguf_model_weighs_what_its_file_holds(tmp_path: Path, plugin: bool) -> None:
    """vLLM up to 0.23 keeps the file as its model; the plugin of later ones puts the folder of config.json there. Read
    as that config.json alone, it would be three times as heavy and refused where it fits."""
    file = tmp_path / "model-Q4_K.gguf"
    write_gguf(file, GGUF_LLAMA, gguf_tensors())
    if plugin:
        (tmp_path / "config.json").write_text(json.dumps({**TINY_LLAMA, "num_hidden_layers": 2}))
        served = [
            config(str(tmp_path), model_weights=named, quantization="gguf")
            for named in (str(file), f"{tmp_path}:Q4_K")
        ]
    else:
        served = [config(str(file), model_weights="", quantization="gguf")]
    for each in served:
        model = model_being_served(each)
        assert model.weights_bytes(EngineArgs()) == (gguf_tensor_bytes(),)
        assert model.weights_bytes(EngineArgs(quantization="gguf")) == (gguf_tensor_bytes(),)
        assert (model.architecture, model.quantization) == ("LlamaForCausalLM", "gguf")


def test_a_gguf_model_that_is_not_here_is_not_guessed() -> None:
    """A file of the Hub is downloaded after the check: unknown, never the size of its unquantized twin."""
    served = config("org/name", model_weights="org/name-GGUF:Q4_K_M", quantization="gguf")
    with pytest.raises(NotUnderstoodError, match="not on this machine") as why:
        model_being_served(served)
    unknown = unknown_being_served(served, str(why.value))
    with pytest.raises(ExactUnavailableError):
        counted_while_starting(served, unknown, H100, EngineArgs(), NEWEST)


def test_without_a_config_file_vllms_own_object_answers(tmp_path: Path) -> None:
    """A bucket has no config.json that could be read a second time."""
    model = model_being_served(config(str(tmp_path / "none")))
    assert model.sizes.num_hidden_layers == 2
