"""The context that a draft model of fewer tokens leaves."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import AUTO_MAX_MODEL_LEN, EngineArgs
from vllm_costmeter.core.engine.runner_choice import is_second_by_default
from vllm_costmeter.core.model.draft_facts import drafting_method
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release

_LIMITS_LENGTH = (0, 33)


def drafted_length(
    model: Model, engine_args: EngineArgs, release: Release
) -> tuple[Model, EngineArgs, tuple[str, ...]]:
    """Model and flags as 0.33 serves them, and a note where that is less than asked or than the model's own length: its
    second runner lowers --max-model-len to the draft model's (`_limit_max_model_len_to_draft`), or to `max_model_len`
    of --speculative-config. So it does for a head whose rotary positions cannot be raised to the model's (YaRN);
    other heads, and prediction layers, limit nothing.
    """
    config, draft = engine_args.speculative_config or {}, model.draft_facts
    is_limiting = release.minor >= _LIMITS_LENGTH and is_second_by_default(engine_args, release.number)
    if not is_limiting or draft is None or draft.max_model_len is None:
        return model, engine_args, ()
    if not draft.is_head and drafting_method(config, draft) != "draft_model":
        return model, engine_args, ()
    stated = config.get("max_model_len")
    limits = [length for length in (draft.max_model_len, stated) if isinstance(length, int) and length > 0]
    asked = engine_args.max_model_len
    is_given = asked is not None and asked != AUTO_MAX_MODEL_LEN
    served = asked if is_given and asked is not None else model.default_max_model_len
    longest = min(limits, default=served)
    if served <= longest:
        return model, engine_args, ()
    limited = replace(
        model,
        max_model_len=min(model.max_model_len, longest),
        default_max_model_len=min(model.default_max_model_len, longest),
    )
    drafter = "head" if draft.is_head else "draft model"
    note = f"vLLM {release} serves at most the {drafter}'s {longest:,} tokens of context, not {served:,}"
    return limited, replace(engine_args, max_model_len=longest) if is_given else engine_args, (note,)
