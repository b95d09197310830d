"""The configurations of published models that ship with the package, for answers without a network."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.catalogue.load import PACKAGE_FOLDER
from vllm_costmeter.sources.checkpoint.model import model_of

FILE = PACKAGE_FOLDER / "models.json.gz"
"""Written by scripts/catalogue/package_models.py."""


class PackagedConfig(NamedTuple):
    """The files of one repository."""

    repository: str
    """As the Hub spells it."""
    as_of: str
    """The month in which they were read: "2026-11"."""
    config: Mapping[str, Any]
    hf_quant_config: Mapping[str, Any] | None
    is_embedder: bool


def packaged_config(repository: str) -> PackagedConfig | None:
    """The packaged files of a repository, in any case of letters as on the Hub; None if it is not packaged."""
    spelt = _spellings().get(repository.casefold())
    return None if spelt is None else _files_of(spelt)


def packaged_configs() -> tuple[PackagedConfig, ...]:
    """All of them, in alphabetical order."""
    return tuple(map(_files_of, _content()[1]))


def packaged_repositories() -> tuple[str, ...]:
    """The names of all packaged repositories, in alphabetical order."""
    return tuple(_content()[1])


def packaged_model(repository: str, why: str) -> Model | None:
    """The model of the packaged files, with a note that says so and `why`; None if it is not packaged."""
    found = packaged_config(repository)
    if found is None:
        return None
    model = model_in(found, repository)
    note = f"{why}: using the config.json packaged with costmeter, as of {found.as_of}"
    return replace(model, notes=(*model.notes, note))


def model_in(files: PackagedConfig, name: str | None = None) -> Model:
    """The model that packaged files describe."""
    return model_of(
        files.config,
        name or files.repository,
        hf_quant_config=files.hf_quant_config,
        is_embedder=files.is_embedder,
    )


def _files_of(spelt: str) -> PackagedConfig:
    as_of, models = _content()
    files = models[models[spelt].get("same_as", spelt)]
    return PackagedConfig(spelt, as_of, files["config"], files.get("hf_quant_config"), "is_embedder" in files)


@cache
def _content() -> tuple[str, Mapping[str, Any]]:
    content = json.loads(gzip.decompress(FILE.read_bytes()))
    return content["as_of"], content["models"]


@cache
def _spellings() -> Mapping[str, str]:
    return {name.casefold(): name for name in _content()[1]}
