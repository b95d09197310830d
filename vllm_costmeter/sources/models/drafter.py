"""Add the drafter that `--speculative-config` loads to a model."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import SlidingWindow
from vllm_costmeter.core.model.draft_facts import DraftFacts, drafting_method
from vllm_costmeter.core.model.drafter import Drafter
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.refusals.prediction_models import predicts_since
from vllm_costmeter.sources.model_config.families.drafters.registry import ALWAYS_SHARED, HEADS
from vllm_costmeter.sources.model_config.families.drafters.vocabulary import with_vocabulary
from vllm_costmeter.sources.models.draft_config import HEAD_METHODS
from vllm_costmeter.sources.models.draft_files import open_head
from vllm_costmeter.sources.models.open import open_model
from vllm_costmeter.sources.models.served_releases import served_releases

_COUNTED_TABLES = (
    "the drafter's embedding and output head are counted: vLLM frees those that its checkpoint lacks, which "
    "config.json does not state"
)


def open_draft_model(name: str, method: str | None) -> Model:
    """Open the draft model of a speculative method. Raises as `open_model`."""
    return open_head(name, method) or open_model(name)


def with_drafter(
    model: Model,
    engine_args: EngineArgs,
    open_: Callable[[str, str | None], Model | None] = open_draft_model,
) -> Model:
    """The model with its drafter; unchanged if there is none, or if it is not modelled, which `fit` reports.

    Prediction layers are the model's own, or those of the checkpoint that is named; `open_` opens a draft model
    or a head and returns None if it cannot be read.
    """
    asked = engine_args.speculative_config
    if asked is None:
        return model
    method, name = asked.get("method"), asked.get("model")
    if drafting_method(asked) == "ngram":
        return model
    predicts = isinstance(method, str) and method.endswith("mtp")
    if predicts and name is None:
        return model if model.prediction is None else model.drafted_by(model.prediction, asked)
    if not isinstance(name, str) or not (predicts or method in (None, "draft_model", *HEAD_METHODS)):
        return model
    try:
        draft = open_(name, method)
    except BadInputError as why:
        from vllm_costmeter.sources.checkpoint.hub_client import HubUnreachableError

        if not isinstance(why, HubUnreachableError):
            raise
        return replace(model, notes=(*model.notes, f"the drafter is not known: {why}"))
    if draft is None:
        return model
    model = replace(model, draft_facts=_facts(draft))
    drafter = (
        None
        if draft.not_understood is not None
        else _drafter(draft, method, model.sizes.vocab_size, predicts=predicts)
    )
    if drafter is None:
        return model
    if draft.architecture in HEADS and not drafter.shares_tables and draft.weights_source == "config":
        model = replace(model, notes=(*model.notes, _COUNTED_TABLES))
    return model.drafted_by(drafter, asked)


def _drafter(draft: Model, method: str | None, vocab_size: int, *, predicts: bool) -> Drafter | None:
    """What vLLM loads of a draft checkpoint: a head, its prediction layers, or all of it; None if it is not known.
    `vocab_size`: the model's, which vLLM gives to the heads of the method medusa."""
    if draft.architecture in HEADS:
        shares = draft.architecture in ALWAYS_SHARED
        weights = draft.weights
        if method == "medusa" and isinstance(weights, Weights):
            weights = with_vocabulary(weights, vocab_size)
        return Drafter(weights, draft.dtype, draft.attention.layers, shares_tables=shares)
    if method in HEAD_METHODS:
        return None
    if predicts or predicts_since(draft) is not None:
        return draft.prediction  # whatever the method says, a model that has them drafts with them
    return Drafter(draft.weights, draft.dtype, draft.attention.layers)


def _facts(draft: Model) -> DraftFacts:
    is_head = draft.architecture in HEADS
    return DraftFacts(
        architecture=draft.architecture,
        model_type=draft.model_type,
        vocab_size=draft.sizes.vocab_size,
        is_moe=draft.is_moe,
        is_pipelined=draft.is_pipelined,
        first_release=served_releases(draft.architecture)[0] if is_head else None,
        is_head=is_head,
        max_model_len=None if is_head and not draft.is_length_fixed else draft.default_max_model_len,
        predicts=predicts_since(draft) is not None,
        mixes_windows=len(
            {isinstance(each, SlidingWindow) for layer in draft.attention.layers for each in layer}
        )
        > 1,
    )
