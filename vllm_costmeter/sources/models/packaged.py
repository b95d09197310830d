"""Models by name: one that ships with the package, a path or a Hub id."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.catalogue.load import PACKAGE_FOLDER
from vllm_costmeter.sources.model_config import read_model
from vllm_costmeter.sources.models.open import open_model

FOLDER = PACKAGE_FOLDER / "models"
PACKAGED = {
    "Llama 3.1 8B": "llama-3.1-8b",
    "Llama 2 13B": "llama-2-13b",
    "Qwen3 32B": "qwen3-32b",
    "Llama 3.3 70B": "llama-3.1-70b",  # same shape: its config.json differs only in names and dates
    "Llama 3.1 405B": "llama-3.1-405b",
}


class NamedModel(NamedTuple):
    """A model and its display name."""

    name: str
    model: Model


def named_model(text: str) -> NamedModel:
    """A packaged name ("Llama 3.1 8B", "llama-3.1-8b") or anything that `costmeter check` accepts.
    BadInputError as there; NotUnderstoodError for a model that is not modelled."""
    folded = _folded(text)
    for name, file in PACKAGED.items():
        if folded in (_folded(name), _folded(file)):
            return NamedModel(name, read_model(FOLDER / f"{file}.json", name))
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
