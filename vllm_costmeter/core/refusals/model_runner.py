"""What one of vLLM's two model runners lacks, where VLLM_USE_V2_MODEL_RUNNER or another setting has chosen it."""

from __future__ import annotations

from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.engine.runner_choice import lacking_in_second, runner_of
from vllm_costmeter.core.refusals.start import Refusal, Start
from vllm_costmeter.core.release import Version

_FIRST_IS_ASKED: Version = (0, 29, 0)
_PIPELINES_ONE_BATCH: Version = (0, 31, 0)
_STEP5: Version = (0, 33, 0)
_STEP5_NAMES = ("Step5ForCausalLM", "Step5ForConditionalGeneration")


def model_runner_fault(start: Start) -> Refusal | None:
    """`_get_v2_model_runner_unsupported_features` (0.22 to 0.33) and `_get_v1_model_runner_unsupported_features` (from
    0.29) of vllm/config/vllm.py."""
    asked, release, rules = start.engine_args, start.release.number, engine_rules(start.release)
    if rules.v2 is None:
        return None
    is_second = runner_of(rules, start.model, asked, release) is rules.v2
    lacking = lacking_in_second(asked, release) if is_second else _lacking_in_first(start)
    if lacking is None:
        return None
    if asked.second_runner is None:
        return Refusal(
            "flags",
            f"{lacking} does not go with vLLM's first model runner, which serves this start",
            ({"async_scheduling": False},),
        )
    runner = "second" if is_second else "first"
    return Refusal(
        "flags",
        f"VLLM_USE_V2_MODEL_RUNNER={is_second:d} asks for vLLM's {runner} model runner, which does not support "
        f"{lacking}: leave the variable out",
    )


def _lacking_in_first(start: Start) -> str | None:
    asked, release = start.engine_args, start.release.number
    if release < _FIRST_IS_ASKED:
        return None
    method = (asked.speculative_config or {}).get("method")
    is_pipelined = asked.layout.pipeline_parallel_size > 1
    if asked.prefill_context_parallel_size > 1:
        return "--prefill-context-parallel-size"
    if is_pipelined and asked.async_scheduling and release >= _PIPELINES_ONE_BATCH:
        return "--async-scheduling with --pipeline-parallel-size"
    if method == "dspark":
        return "the speculative method dspark"
    if start.model.architecture in _STEP5_NAMES and release >= _STEP5:
        return start.model.architecture
    return None
