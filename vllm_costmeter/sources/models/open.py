"""Open MODEL: a local folder, a config.json, a GGUF file or a repository of the Hub."""

from __future__ import annotations

import re
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError, nearest
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.models.local import local_model

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_GGUF_OF_HUB = re.compile(rf"({_REPOSITORY.pattern})(:[\w+-]+|/[\w.-]+\.gguf)")
"""vLLM's notation: organisation/name:Q4_K_M or organisation/name/file.gguf."""
SAY_WHICH = "give a local folder, a config.json, or organisation/name of the Hub"
_PLACEHOLDER = re.compile(r"\$\{|\$\(|^\$[A-Za-z_]|\{\{|^<.*>$")


def open_model(text: str, revision: str | None = None, hub_token: str | None = None) -> Model:
    """The model that `text` names: a local path if it exists, a packaged name ("Llama 3.3 70B"), or
    `organisation/name` on the Hub. Every command resolves its models here.

    Weights are counted from the checkpoint's headers if available. A model that is not modelled is returned
    too, as `unknown`. BadInputError for what does not exist or is faulty; NotUnderstoodError for an
    unsupported kind of file.
    """
    path = Path(text)
    if not text.strip():
        raise BadInputError("the model's name is empty: give a local folder, a config.json or a Hub id")
    if _PLACEHOLDER.search(text) and not _exists(path):
        raise BadInputError(f"{text[:80]!r} is a placeholder for the model: put its value there")
    if "://" in text:
        raise BadInputError(f"{_without_credentials(text)}: an address is not read: {SAY_WHICH}")
    of_hub = _GGUF_OF_HUB.fullmatch(text)
    if of_hub and not _exists(path) and not _exists(Path(of_hub[1])):
        raise NotUnderstoodError(
            f"{text}: a GGUF file of the Hub, whose header is not read from there: download it and check that file"
        )
    if _exists(path):
        return local_model(path)
    if not is_repository(text):
        return _packaged_or_missing(text, path)
    return _model_of_hub(text, revision, hub_token)


def _packaged_or_missing(text: str, path: Path) -> Model:
    """A packaged name, or the error for a path that does not exist, with the nearest names."""
    from vllm_costmeter.sources.models.packaged import PACKAGED, model_called

    found = model_called(text)
    if found is not None:
        return found
    try:
        return local_model(path)
    except BadInputError as fault:
        near = "" if "/" in text else nearest(text, PACKAGED)
        raise BadInputError(f"{fault}{near}" if near not in str(fault) else str(fault)) from None


def _model_of_hub(repository: str, revision: str | None, hub_token: str | None) -> Model:
    """From the Hub; from the package's copy where the Hub cannot be read and no revision is asked for."""
    from vllm_costmeter.sources.checkpoint.hub import hub_model

    try:
        return hub_model(repository, revision, hub_token)
    except BadInputError as fault:
        if revision is not None:
            raise
        from vllm_costmeter.sources.models.packaged_configs import packaged_model, packaged_repositories

        packaged = packaged_model(repository, "the Hub cannot be read")
        if packaged is None:
            near = nearest(repository, packaged_repositories(), cutoff=0.8)
            raise type(fault)(f"{fault}{near and f'; packaged{near}'}") from None
        return packaged


def is_repository(text: str) -> bool:
    """Whether `text` has the form of a Hub id: organisation/name, not a path."""
    return _REPOSITORY.fullmatch(text) is not None and not text.endswith((".json", ".gguf", ".git"))


def _without_credentials(text: str) -> str:
    """A URL safe to print: `https://user:token@host/path` without user, token and query."""
    scheme, _, rest = text.partition("://")
    return f"{scheme}://{re.split('[?#]', rest)[0].rpartition('@')[2]}"[:200]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        raise BadInputError(f"{str(path)[:200]!r} cannot be read as a path: {error}") from None
