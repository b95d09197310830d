"""A model on the local disk: a folder, a config.json or a GGUF file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.checkpoint.model import model_of
from vllm_costmeter.sources.model_config import (
    SENTENCE_TRANSFORMERS,
    folder_config,
    read_json_object,
    read_model,
)


def local_model(path: Path, name: str | None = None) -> Model:
    """The model of a folder (config.json and any weights), a config.json or a GGUF file (or `folder:Q4_K_M`).

    A folder with one GGUF model and no other weights is that model.
    """
    name = name or str(path)
    if path.is_dir():
        return _model_in(path, name)
    gguf = gguf_named(path)
    if gguf is not None:
        return gguf_model(gguf, name)
    if not path.is_file():
        return read_model(path, name)
    try:
        return model_of(read_json_object(path), name)
    except BadInputError as error:
        if path.suffix == ".json":
            raise
        raise BadInputError(f"{error}; a model is a folder, a config.json or a .gguf file") from None


def _model_in(folder: Path, name: str) -> Model:
    quantization = folder / "hf_quant_config.json"
    contents = None
    if _may_hold_safetensors(folder):
        from vllm_costmeter.sources.checkpoint.local import checkpoint_in

        contents = checkpoint_in(folder)
    has_weights = contents is not None or any(folder.glob("*.bin"))
    if not has_weights and any(folder.glob("*.gguf")):
        from vllm_costmeter.sources.checkpoint.gguf_files import only_model

        gguf = only_model(folder)
        if gguf is not None:
            return gguf_model(gguf, name)
    config = folder_config(folder)
    if config is None:
        return read_model(folder, name)
    return model_of(
        config,
        name,
        contents,
        hf_quant_config=read_json_object(quantization) if quantization.is_file() else None,
        is_embedder=(folder / SENTENCE_TRANSFORMERS).is_file(),
    )


def _may_hold_safetensors(folder: Path) -> bool:
    try:
        return any(".safetensors" in name for name in os.listdir(folder))  # noqa: PTH208 (names are enough)
    except OSError:
        return True  # reading the weights reports the error


def gguf_named(path: Path) -> Path | None:
    """The GGUF file that a path names, directly or as `folder:Q4_K_M`; None if it names none."""
    if path.suffix == ".gguf" and path.is_file():
        return path
    folder, _, quantization = str(path).rpartition(":")
    if not folder or not Path(folder).is_dir():
        return None
    from vllm_costmeter.sources.checkpoint.gguf_files import model_of_type

    return model_of_type(Path(folder), quantization)


def gguf_model(file: Path, name: str, config: Mapping[str, Any] | None = None) -> Model:
    """The model of a GGUF file (all parts if split) and `config`, by default its folder's config.json."""
    from vllm_costmeter.sources.checkpoint.gguf import read_gguf
    from vllm_costmeter.sources.checkpoint.gguf_files import projector_beside, read_parts
    from vllm_costmeter.sources.checkpoint.model import model_of_gguf

    beside = file.parent / "config.json"
    if config is None and beside.is_file():
        config = read_json_object(beside)
    found = read_parts(file)
    projector = projector_beside(file, found)
    return model_of_gguf(found, name, config, None if projector is None else read_gguf(projector))
