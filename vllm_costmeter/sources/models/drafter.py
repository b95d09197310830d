"""Add the drafter that `--speculative-config` loads to a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.model.draft_facts import DraftFacts
from vllm_costmeter.core.model.drafter import Drafter
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.model_config import model_from_config, read_json_object
from vllm_costmeter.sources.models.open import open_model

_EAGLE = "EagleLlamaForCausalLM"


def open_draft_model(name: str, method: str | None) -> Model:
    """Open the draft model of a speculative method. Raises as `open_model`."""
    return _eagle_head(name) if method == "eagle" else open_model(name)


def with_drafter(
    model: Model,
    engine_args: EngineArgs,
    open_: Callable[[str, str | None], Model | None] = open_draft_model,
) -> Model:
    """The model with its drafter; unchanged if there is none, or if it is not modelled, which `fit` reports.

    Prediction layers are the model's own; `open_` opens a draft model or an EAGLE head and returns None if it
    cannot be read.
    """
    asked = engine_args.speculative_config
    if asked is None:
        return model
    method, name = asked.get("method"), asked.get("model")
    if isinstance(method, str) and method.endswith("mtp") and name is None:
        return model if model.prediction is None else model.drafted_by(model.prediction, asked)
    if not isinstance(name, str) or method not in (None, "draft_model", "eagle", "eagle3"):
        return model
    draft = open_(name, method)
    if draft is None:
        return model
    model = replace(model, draft_facts=_facts(draft))
    is_head = "Eagle" in draft.architecture
    if draft.not_understood is not None or is_head != (method in ("eagle", "eagle3")):
        return model
    return model.drafted_by(Drafter(draft.weights, draft.dtype, draft.attention.layers), asked)


def _facts(draft: Model) -> DraftFacts:
    return DraftFacts(
        architecture=draft.architecture,
        model_type=draft.model_type,
        vocab_size=draft.sizes.vocab_size,
        is_moe=draft.is_moe,
        is_pipelined=draft.is_pipelined,
    )


def _eagle_head(name: str) -> Model:
    """An EAGLE head names the architecture of its target model; only Llama's heads are modelled."""
    path = Path(name)
    file = path / "config.json" if path.is_dir() else path
    values = read_json_object(file)
    names = values.get("architectures")
    if names == ["LlamaForCausalLM"]:
        values = {**values, "architectures": [_EAGLE]}
    return model_from_config(values, name)
