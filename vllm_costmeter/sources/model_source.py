"""MODEL as people write it -> a model: a local folder, one config.json, a GGUF file, or a repository of the Hub."""

from __future__ import annotations

import re
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.checkpoint.gguf import config_of, read_gguf
from vllm_costmeter.sources.checkpoint.local import checkpoint_in
from vllm_costmeter.sources.checkpoint.model import model_of, with_checkpoint
from vllm_costmeter.sources.model_config import read_json_object, read_model

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_PLACEHOLDER = re.compile(r"\$\{|\$\(|^\$[A-Za-z_]|\{\{|^<.*>$")


def open_model(text: str, revision: str | None = None, hub_token: str | None = None) -> Model:
    """The model that `text` names. A path that exists is local; `organisation/name` that does not is asked of the Hub.

    Its weights are the checkpoint's own where headers are at hand. A model whose rules are not known is one too.
    BadInputError for what is not there or faulty; NotUnderstoodError for a kind of file that is not known.
    """
    path = Path(text)
    if not text.strip():
        raise BadInputError("the model's name is empty: give a local folder, a config.json or a Hub id")
    if _PLACEHOLDER.search(text) and not _exists(path):
        raise BadInputError(f"{text[:80]!r} is a placeholder for the model: put its value there")
    if _exists(path) or not is_repository(text):
        return local_model(path)
    from vllm_costmeter.sources.checkpoint.hub import hub_model

    return hub_model(text, revision, hub_token)


def is_repository(text: str) -> bool:
    """Whether `text` could be an id of the Hub: organisation/name, and no path."""
    return _REPOSITORY.fullmatch(text) is not None and not text.endswith((".json", ".gguf", ".git"))


def local_model(path: Path, name: str | None = None) -> Model:
    """The model in a folder (config.json, weights if any), one config.json, or one GGUF file."""
    name = name or str(path)
    if path.suffix == ".gguf" and path.is_file():
        return gguf_model(path, name)
    if not path.is_dir():
        return read_model(path, name) if not path.is_file() else model_of(read_json_object(path), name)
    if not (path / "config.json").is_file():
        found = sorted(path.glob("*.gguf"))[:2]
        if len(found) == 1:
            return gguf_model(found[0], name)
        return read_model(path, name)
    quantisation = path / "hf_quant_config.json"
    return model_of(
        read_json_object(path / "config.json"),
        name,
        checkpoint_in(path),
        hf_quant_config=read_json_object(quantisation) if quantisation.is_file() else None,
    )


def gguf_model(file: Path, name: str) -> Model:
    """The model of a GGUF file, which holds its own configuration."""
    if re.search(r"-\d{5}-of-\d{5}\.gguf$", file.name):
        raise NotUnderstoodError(
            f"{file}: one part of a split GGUF file; vLLM wants them merged (llama-gguf-split)"
        )
    found = read_gguf(file)
    return with_checkpoint(model_of(config_of(found, name), name), found.contents)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        raise BadInputError(f"{str(path)[:200]!r} cannot be read as a path: {error}") from None
