"""The context that a draft model of fewer tokens leaves."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.runner_choice import is_second_by_default
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release

_LIMITS_LENGTH = (0, 33)


def drafted_length(
    model: Model, engine_args: EngineArgs, release: Release
) -> tuple[Model, EngineArgs, tuple[str, ...]]:
    """Model and flags as 0.33 serves them, and a note where that is less than asked or than the model's own length: its
    second runner lowers --max-model-len to the draft model's (`_limit_max_model_len_to_draft`). Heads, which share the
    model's positions, limit nothing."""
    draft = model.draft_facts
    longest = None if draft is None else draft.max_model_len
    if (
        longest is None
        or release.minor < _LIMITS_LENGTH
        or not is_second_by_default(engine_args, release.number)
    ):
        return model, engine_args, ()
    asked = engine_args.max_model_len
    if asked is None or asked < 1:
        asked = model.default_max_model_len
    if asked <= longest:
        return model, engine_args, ()
    limited = replace(
        model,
        max_model_len=min(model.max_model_len, longest),
        default_max_model_len=min(model.default_max_model_len, longest),
    )
    note = f"vLLM {release} serves at most the draft model's {longest:,} tokens of context, not {asked:,}"
    return limited, replace(engine_args, max_model_len=longest), (note,)
