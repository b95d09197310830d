"""Models by name: one that ships with the package, a path or a Hub id."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.checkpoint.model import model_of
from vllm_costmeter.sources.models.open import open_model
from vllm_costmeter.sources.models.packaged_configs import packaged_config

PACKAGED = {
    "Llama 3.1 8B": "meta-llama/Llama-3.1-8B-Instruct",
    "Llama 2 13B": "meta-llama/Llama-2-13b-hf",
    "Qwen3 32B": "Qwen/Qwen3-32B",
    "Llama 3.3 70B": "meta-llama/Llama-3.3-70B-Instruct",
    "Llama 3.1 405B": "meta-llama/Meta-Llama-3.1-405B",
}


class NamedModel(NamedTuple):
    """A model and its display name."""

    name: str
    model: Model


def named_model(text: str) -> NamedModel:
    """A packaged name ("Llama 3.1 8B", "llama-3.1-8b") or anything that `costmeter check` accepts.
    BadInputError as there; NotUnderstoodError for a model that is not modelled."""
    folded = _folded(text)
    for name, repository in PACKAGED.items():
        found = packaged_config(repository) if folded == _folded(name) else None
        if found is not None:
            return NamedModel(name, model_of(found.config, name))
    near = "" if "/" in text or Path(text).exists() else nearest(text, PACKAGED)
    try:
        return NamedModel(_short(text), open_model(text))
    except BadInputError as fault:
        raise BadInputError(f"{fault}{near}" if near not in str(fault) else str(fault)) from None


def models_in(file: Path) -> list[str]:
    """One model per line: a packaged name, a path relative to the file, or a Hub id; # starts a comment."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise BadInputError(
            f"--models {file}: cannot be read: {getattr(fault, 'strerror', None) or fault}"
        ) from None
    found = [text for line in lines if (text := line.partition("#")[0].strip())]
    if not found:
        raise BadInputError(f"--models {file} names no model: write one per line")
    return [str(file.parent / text) if (file.parent / text).exists() else text for text in found]


def _folded(text: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", text.casefold())


def _short(text: str) -> str:
    path = Path(text)
    return path.parent.name if path.name == "config.json" and path.parent.name else path.name
