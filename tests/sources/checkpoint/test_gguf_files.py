"""Which GGUF files are a model: one, the parts of a split one, a folder, or a folder and a quantization."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from checkpoint_files import GGUF_LLAMA, TINY_LLAMA, gguf_tensor_bytes, gguf_tensors, write_gguf

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.sources.models.local import local_model
from vllm_costmeter.sources.models.open import open_model

Q4_K = 12


def write_parts(folder: Path, parts: int = 3) -> list[Path]:
    """The model as llama-gguf-split leaves it: the metadata are in the first part."""
    items = list(gguf_tensors().items())
    files = []
    for number in range(parts):
        split = {"split.no": number, "split.count": parts}
        file = folder / f"model-Q4_K_M-{number + 1:05}-of-{parts:05}.gguf"
        own = {**GGUF_LLAMA, **split} if number == 0 else split
        write_gguf(file, own, dict(items[number::parts]))
        files.append(file)
    return files


def test_a_split_file_is_one_model(tmp_path: Path) -> None:
    """Named by any of its parts, by its folder, or by folder and quantization, as vLLM takes it."""
    files = write_parts(tmp_path)
    (tmp_path / "mmproj-F16.gguf").write_bytes(b"an image encoder")
    for path in (*files, tmp_path, Path(f"{tmp_path}:Q4_K_M")):
        model = local_model(path)
        assert model.weights_bytes(EngineArgs()) == (gguf_tensor_bytes(),)
        assert (model.not_understood, model.is_tied) == (None, False)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    """Half a download is not weighed."""
    files = write_parts(tmp_path)
    files[1].unlink()
    for path in (files[0], tmp_path):
        with pytest.raises(
            BadInputError, match=r"model-Q4_K_M-00002-of-00003\.gguf is missing: an incomplete"
        ):
            local_model(path)


def test_several_models_in_a_folder_are_told_apart(tmp_path: Path) -> None:
    """The fault names them; the quantization chooses, and one that is not there is said so."""
    write_parts(tmp_path)
    write_gguf(tmp_path / "model-Q8_0.gguf", GGUF_LLAMA, {"output.weight": ((256, 4), Q4_K)})
    with pytest.raises(BadInputError, match=r"contains 2 GGUF models \(model-Q8_0\.gguf, model-Q4_K_M-00001"):
        local_model(tmp_path)
    assert local_model(Path(f"{tmp_path}:Q8_0")).weights_bytes(EngineArgs()) == (576,)
    with pytest.raises(BadInputError, match="no GGUF file with 'Q2_K'"):
        local_model(Path(f"{tmp_path}:Q2_K"))


def test_a_config_beside_the_file_is_the_models_own(tmp_path: Path) -> None:
    """As vLLM 0.24 and newer read it: any family, the file's own tokens and head, and no other quantization."""
    file = tmp_path / "model.gguf"
    unknown = {"general.architecture": "qwen3next", "tokenizer.ggml.tokens": ["a"] * 32000}
    write_gguf(file, unknown, gguf_tensors())
    beside = {**TINY_LLAMA, "vocab_size": 7, "tie_word_embeddings": True, "num_hidden_layers": 2}
    fp8 = {"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic"}
    (tmp_path / "config.json").write_text(json.dumps({**beside, "quantization_config": fp8}))
    for path in (file, tmp_path):
        model = local_model(path)
        assert (model.architecture, model.quantization) == ("LlamaForCausalLM", "gguf")
        assert (model.sizes.vocab_size, model.is_tied) == (32000, False)
        assert model.weights_bytes(EngineArgs()) == (gguf_tensor_bytes(),)
        assert len(model.attention.layers) == 2


def test_a_gguf_of_the_hub_says_what_to_do(tmp_path: Path) -> None:
    """Its header is not read over the network."""
    for name in ("unsloth/Qwen3-8B-GGUF:Q4_K_M", "unsloth/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf"):
        with pytest.raises(NotUnderstoodError, match="download it and check that file"):
            open_model(name)
