"""Open the checkpoint of a head: config.json as vLLM reads it for drafting, and the tables that its files hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.parts import Embedding, Part
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config import config_files
from vllm_costmeter.sources.models.draft_config import head_config
from vllm_costmeter.sources.models.open import is_repository, open_model

if TYPE_CHECKING:
    from vllm_costmeter.core.model.checkpoint import CheckpointContents


class _Files(NamedTuple):
    config: Mapping[str, Any]
    hf_quant_config: Mapping[str, Any] | None
    contents: CheckpointContents | None


def open_head(name: str, method: str | None) -> Model | None:
    """The head that a draft checkpoint holds; None if it is a whole model, or has no config.json. BadInputError for a
    faulty file."""
    files = _files_of(name)
    config = None if files is None else head_config(files.config, name, method)
    if files is None or config is None:
        return None
    from vllm_costmeter.sources.checkpoint.model import model_of, with_checkpoint

    head = model_of(config, name, hf_quant_config=files.hf_quant_config)
    if files.contents is None:
        return head
    if isinstance(head.weights, Weights):
        head = replace(head, weights=_as_stored(head, head.weights, files.contents))
    return with_checkpoint(replace(head, is_tied=False), files.contents)


def _as_stored(head: Model, weights: Weights, contents: CheckpointContents) -> Weights:
    """The head with those of its tables that the files hold, of which vLLM keeps no copy of its own otherwise: the
    choice that comes nearest to the files' bytes."""
    loaded = contents.loaded_bytes(None, is_tied=False)
    has_head = any(group.use == "head" for group in contents.groups)
    engine_args = EngineArgs()

    def distance(each: Weights) -> int:
        return abs(sum(each.bytes_per_pipeline_rank(engine_args, head.dtype)) - loaded)

    return min(_choices(weights, has_head=has_head), key=distance)


def _choices(weights: Weights, *, has_head: bool) -> Iterator[Weights]:
    last = weights.last if has_head else _without_table(weights.last, "lm_head")
    yield replace(weights, last=last)
    yield replace(weights, first=_without_table(weights.first, "model.embed_tokens"), last=last)


def _without_table(parts: tuple[Part, ...], name: str) -> tuple[Part, ...]:
    return tuple(part for part in parts if not (isinstance(part, Embedding) and part.name == name))


def _files_of(name: str) -> _Files | None:
    path = Path(name)
    if path.exists():
        found = config_files(path)
        if found is None:
            return None
        contents = None
        if path.is_dir():
            from vllm_costmeter.sources.checkpoint.local import checkpoint_in

            contents = checkpoint_in(path)
        return _Files(*found, contents)
    if not is_repository(name):
        return None
    from vllm_costmeter.sources.checkpoint.hub import hub_files

    try:
        open_model(name)  # reads the repository into the Hub's cache, whether or not it is a model by itself
    except BadInputError:
        if hub_files(name) is None:
            raise
    seen = hub_files(name)
    return None if seen is None else _Files(seen.config, seen.hf_quant_config, seen.contents)
