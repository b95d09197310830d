"""MODEL as people write it -> a model: a local folder, one config.json, a GGUF file, or a repository of the Hub."""

from __future__ import annotations

import re
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.models.local import local_model

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_GGUF_OF_HUB = re.compile(rf"({_REPOSITORY.pattern})(:[\w+-]+|/[\w.-]+\.gguf)")
"""As vLLM names them: organisation/name:Q4_K_M, organisation/name/file.gguf."""
SAY_WHICH = "give a local folder, a config.json, or organisation/name of the Hub"
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
    if "://" in text:
        raise BadInputError(f"{_without_credentials(text)}: an address is not read: {SAY_WHICH}")
    of_hub = _GGUF_OF_HUB.fullmatch(text)
    if of_hub and not _exists(path) and not _exists(Path(of_hub[1])):
        raise NotUnderstoodError(
            f"{text}: a GGUF file of the Hub, whose header is not read from there: download it and check that file"
        )
    if _exists(path) or not is_repository(text):
        return local_model(path)
    from vllm_costmeter.sources.checkpoint.hub import hub_model

    return hub_model(text, revision, hub_token)


def is_repository(text: str) -> bool:
    """Whether `text` could be an id of the Hub: organisation/name, and no path."""
    return _REPOSITORY.fullmatch(text) is not None and not text.endswith((".json", ".gguf", ".git"))


def _without_credentials(text: str) -> str:
    """An address as it may be shown: `https://user:token@host/path` without user and token, and without a query."""
    scheme, _, rest = text.partition("://")
    return f"{scheme}://{re.split('[?#]', rest)[0].rpartition('@')[2]}"[:200]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        raise BadInputError(f"{str(path)[:200]!r} cannot be read as a path: {error}") from None
