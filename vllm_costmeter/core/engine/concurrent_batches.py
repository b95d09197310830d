"""How many batches vLLM has in flight."""

from __future__ import annotations

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.engine.runner_choice import runner_of
from vllm_costmeter.core.model.draft_facts import drafting_method
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release, Version

SYNCHRONOUS_DRAFTERS = frozenset({"ngram", "suffix", "medusa", "mlp_speculator", "custom_class"})
"""Speculative methods without asynchronous scheduling (0.26 to 0.32, and in the first runner of 0.33)."""
_DRAFT_MODELS_ASYNCHRONOUS: Version = (0, 28, 0)
ASYNCHRONOUS_BY_RUNNER: Version = (0, 33, 0)
"""The second runner schedules every method that it supports asynchronously."""


def concurrent_batches(model: Model, engine_args: EngineArgs, release: Release) -> int:
    """Batches in flight: one per pipeline rank, and one more with asynchronous scheduling, which the first runner has
    on one rank alone (`VllmConfig.max_concurrent_batches`, 0.26 to 0.33)."""
    rules, ranks = engine_rules(release), engine_args.layout.pipeline_parallel_size
    is_second = runner_of(rules, model, engine_args, release.number) is rules.v2
    if not _is_asynchronous(model, engine_args, release.number, is_second=is_second):
        return ranks
    return ranks + 1 if is_second or ranks == 1 else ranks


def _is_asynchronous(model: Model, engine_args: EngineArgs, release: Version, *, is_second: bool) -> bool:
    """As asked; by default for every model but pooling ones, and every drafter that supports it
    (`VllmConfig.__post_init__`). Every executor of vLLM's own does, since 0.21
    Ray's by default too."""
    if engine_args.async_scheduling is not None:
        return engine_args.async_scheduling
    if model.is_pooling:
        return False
    if is_second and release >= ASYNCHRONOUS_BY_RUNNER:
        return True
    asked = engine_args.speculative_config or {}
    method = drafting_method(asked, model.draft_facts)
    if asked.get("disable_padded_drafter_batch") is True or method in SYNCHRONOUS_DRAFTERS:
        return False
    return method != "draft_model" or release >= _DRAFT_MODELS_ASYNCHRONOUS
