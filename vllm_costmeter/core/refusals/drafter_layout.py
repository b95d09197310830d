"""Drafters that do not go with a pipeline, with asynchronous scheduling or with the model they draft for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.engine.concurrent_batches import ASYNCHRONOUS_BY_RUNNER, SYNCHRONOUS_DRAFTERS
from vllm_costmeter.core.refusals.prediction_models import (
    OLDEST,
    PIPELINED,
    PIPELINED_ARCHITECTURES,
    WITHOUT_PREDICTION,
    predicts_since,
)
from vllm_costmeter.core.refusals.start import Refusal, Start
from vllm_costmeter.core.release import Version, dotted

_DRAFTS_ON_ONE_STAGE = (0, 30)  # create_draft_parallel_config gives the draft a pipeline of one stage
_TRANSFORMERS_PREDICTS = (0, 33)  # Transformers' own prediction layers are drafted with
_OF_THE_FIRST_RUNNER = frozenset({"suffix", "custom_class"})  # which the second of 0.33 does not support
_READS_INSIDE = frozenset({"eagle3", "dflash", "extract_hidden_states"})
_NO_LIST: Version = (0, 22, 0)
_LISTED: Mapping[str, Version] = {
    **dict.fromkeys(("llama", "qwen", "minicpm", "gpt_oss", "hunyuan_vl", "hunyuan_v1_dense"), OLDEST),
    **dict.fromkeys(("afmoe", "nemotron_h"), OLDEST),
    **dict.fromkeys(("deepseek_v2", "deepseek_v3", "kimi_k2", "kimi_k25"), (0, 18, 0)),
    **dict.fromkeys(("minimax_m2", "gemma4"), (0, 19, 1)),
    "laguna": (0, 21, 0),
}
"""Parts of the model types whose hidden states are handed out (`aux_hidden_states_supported`), by first release."""
_ONE_STAGE: tuple[Mapping[str, Any], ...] = ({"pipeline_parallel_size": 1},)


def drafter_layout_fault(start: Start) -> Refusal | None:
    """`SpeculativeConfig` of vllm/config/speculative.py and `VllmConfig.__post_init__`, 0.17.0 to 0.33.0."""
    asked = start.engine_args.speculative_config or {}
    method = asked.get("method")
    if not isinstance(method, str):
        return None
    is_own = method.endswith("mtp") and asked.get("model") is None
    return (
        (_prediction_fault(start) if is_own else None)
        or _head_fault(start)
        or _target_fault(start, method)
        or _pipeline_fault(start, method, is_own=is_own)
        or _async_fault(start, method, asked)
    )


def _prediction_fault(start: Start) -> Refusal | None:
    """Prediction layers of a model that has none, or of which the release knows nothing."""
    model, since = start.model, predicts_since(start.model)
    if since is None:
        is_none = model.model_type in WITHOUT_PREDICTION and start.release.minor < _TRANSFORMERS_PREDICTS
        return (
            Refusal(
                "speculative_config",
                f"--speculative-config: {model.architecture} has no prediction layers for the method mtp",
            )
            if is_none
            else None
        )
    if start.release.number >= since:
        return None
    return Refusal(
        "release",
        f"--speculative-config: vLLM {start.release} does not draft with the prediction layers of "
        f"{model.architecture}; {dotted(since)} is the first that does",
    )


def _head_fault(start: Start) -> Refusal | None:
    """A head that the release does not name in its registry, so that vLLM finds no class for it."""
    draft = start.model.draft_facts
    first = None if draft is None else draft.first_release
    if draft is None or first is None or start.release.number >= first:
        return None
    return Refusal(
        "release",
        f"--speculative-config: vLLM {start.release} has no class for {draft.architecture}; {dotted(first)} is the "
        "first that has",
    )


def _target_fault(start: Start, method: str) -> Refusal | None:
    """Methods that read hidden states inside the target need a class that hands them out (`SupportsEagle3`)."""
    if method not in _READS_INSIDE:
        return None
    if _is_unlisted(start):
        return Refusal(
            "speculative_config",
            f"--speculative-config: vLLM {start.release} has no {method} for {start.model.model_type} models; 0.22 "
            "asks for an interface of their class instead",
        )
    if "eagle3" not in start.model.lacks:
        return None
    first = start.model.lacks["eagle3"]
    if (
        first is not None and start.release.number >= first
    ) or start.engine_args.model_impl == "transformers":
        return None
    since = "no release so far does" if first is None else f"{dotted(first)} is the first that does"
    return Refusal(
        "speculative_config",
        f"--speculative-config: vLLM {start.release} hands out no hidden states of {start.model.architecture}, which "
        f"{method} reads; {since}",
        is_certain=method != "eagle3",  # a head may be told to read none (`use_aux_hidden_state`)
    )


def _is_unlisted(start: Start) -> bool:
    """Whether the release lists model types, up to 0.21, and this one is not among them. The type of the text model
    inside a multimodal one is not known."""
    model, number = start.model, start.release.number
    if number >= _NO_LIST or model.is_multimodal or not model.model_type:
        return False
    return not any(word in model.model_type and number >= since for word, since in _LISTED.items())


def _pipeline_fault(start: Start, method: str, *, is_own: bool) -> Refusal | None:
    """Up to 0.29 the draft is checked as if it were split into the target's stages (`verify_with_parallel_config`)."""
    size = start.engine_args.layout.pipeline_parallel_size
    if size == 1 or start.release.minor >= _DRAFTS_ON_ONE_STAGE:
        return None
    model, draft = start.model, start.model.draft_facts
    if is_own:
        is_whole = predicts_since(model) is not None and not (
            model.model_type in PIPELINED or model.architecture in PIPELINED_ARCHITECTURES
        )
    elif method == "draft_model":
        is_whole = draft is not None and not draft.is_pipelined
    else:
        is_whole = method in ("extract_hidden_states", "dspark")
    if not is_whole:
        return None
    return Refusal(
        "parallel_layout",
        f"--pipeline-parallel-size {size}: vLLM {start.release} cannot split the drafter ({method}) into stages; 0.30 "
        "keeps it on one",
        _ONE_STAGE,
    )


def _async_fault(start: Start, method: str, asked: Mapping[str, Any]) -> Refusal | None:
    is_by_runner = start.release.number >= ASYNCHRONOUS_BY_RUNNER
    if not start.engine_args.async_scheduling or (is_by_runner and method not in _OF_THE_FIRST_RUNNER):
        return None
    if method in SYNCHRONOUS_DRAFTERS:
        why = f"the speculative method {method}"
    elif asked.get("disable_padded_drafter_batch") is True:
        why = "disable_padded_drafter_batch"
    else:
        return None
    return Refusal(
        "speculative_config", f"--async-scheduling does not go with {why}", ({"async_scheduling": False},)
    )
