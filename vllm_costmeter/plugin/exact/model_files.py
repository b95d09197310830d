"""The JSON files that define a model for vLLM, and those of its draft model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.model.drafter import WEIGHTLESS_DRAFTERS
from vllm_costmeter.plugin.exact.ask import ExactUnavailableError
from vllm_costmeter.sources.model_config import config_files
from vllm_costmeter.sources.models.draft_config import HEAD_METHODS
from vllm_costmeter.sources.models.open import is_repository

Found = tuple[Mapping[str, Any], Mapping[str, Any] | None]


def config_of(model_name: str, revision: str | None = None) -> Found:
    """config.json and, where there is one, hf_quant_config.json of a model that was opened. ExactUnavailableError
    without one."""
    found: Found | None = config_files(Path(model_name))
    if found is None and is_repository(model_name):
        from vllm_costmeter.sources.checkpoint.hub import hub_config

        found = hub_config(model_name, revision)
    if found is None:
        raise ExactUnavailableError(
            "exact mode needs the model's config.json: give a folder that contains it, or a Hub id"
        )
    return found


def draft_of(engine_args: EngineArgs) -> Found | None:
    """The files of the draft that `--speculative-config` names; None where it names none, as for the model's own
    prediction layers. ExactUnavailableError for a method that cannot be asked about."""
    asked = engine_args.speculative_config or {}
    method, name = asked.get("method"), asked.get("model")
    if method in WEIGHTLESS_DRAFTERS or not asked:
        return None
    is_own = method is not None and method.endswith("mtp")
    if not is_own and method is not None and method not in ("draft_model", *HEAD_METHODS):
        raise ExactUnavailableError(f"exact mode does not support speculative decoding by {method[:40]}")
    if is_own and name is None:
        return None
    revision = asked.get("revision")
    return config_of(str(name), None if revision is None else str(revision))
