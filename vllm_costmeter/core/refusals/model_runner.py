"""What one of vLLM's two model runners lacks, where VLLM_USE_V2_MODEL_RUNNER or another setting has chosen it."""

from __future__ import annotations

from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.engine.runner_choice import (
    lacking_in_first,
    lacking_in_second,
    only_in_second,
    runner_of,
)
from vllm_costmeter.core.refusals.start import Refusal, Start


def model_runner_fault(start: Start) -> Refusal | None:
    """`_get_v2_model_runner_unsupported_features` (0.22 to 0.33) and `_get_v1_model_runner_unsupported_features` (from
    0.29) of vllm/config/vllm.py."""
    asked, release, rules = start.engine_args, start.release.number, engine_rules(start.release)
    if rules.v2 is None:
        return None
    if runner_of(rules, start.model, asked, release) is rules.v2:
        lacking = lacking_in_second(asked, release, start.model.draft_facts)
        if lacking is None:
            return None
        if not asked.second_runner:
            only = only_in_second(asked, release, start.model.draft_facts)
            return Refusal(
                "flags",
                f"only vLLM's second model runner implements {only}, and it does not support {lacking}: leave "
                "one of the two out",
            )
        return Refusal(
            "flags",
            "VLLM_USE_V2_MODEL_RUNNER=1 asks for vLLM's second model runner, which does not support "
            f"{lacking}: leave the variable out",
        )
    lacking = lacking_in_first(start.model.architecture, asked, release, start.model.draft_facts)
    if lacking is None:
        return None
    changes = ({"async_scheduling": False},) if lacking.startswith("--async-scheduling") else ()
    if asked.second_runner is None:
        return Refusal(
            "flags", f"{lacking} does not go with vLLM's first model runner, which serves this start", changes
        )
    return Refusal(
        "flags",
        "vLLM's first model runner, which VLLM_USE_V2_MODEL_RUNNER=0 or its default for this model on AMD's GPUs "
        f"chooses, does not support {lacking}: VLLM_USE_V2_MODEL_RUNNER=1 asks for the second",
        changes,
    )
