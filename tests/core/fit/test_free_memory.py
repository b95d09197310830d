"""Where the budget meets the free memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import ADA, llama

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.memory.byte_range import gib
from vllm_costmeter.core.memory.overheads import CONTEXT_GIB
from vllm_costmeter.core.release import NEWEST


@pytest.mark.parametrize(
    ("spare_bytes", "verdict"),
    [(0, "fits"), (-1, "tight")],
    ids=["as much as the budget", "one byte less"],
)
def test_as_much_free_memory_as_the_budget_is_enough(spare_bytes: int, verdict: str) -> None:
    """`request_memory` (v1/worker/utils.py, 0.17 to 0.33) stops where the budget exceeds the free memory, not where it
    equals it; the context that vLLM opens first takes at most the last of CONTEXT_GIB."""
    engine_args = EngineArgs(max_model_len=8192)
    whole = fit(llama(), ADA, engine_args, NEWEST).per_gpu
    assert whole is not None
    free = whole.budget_bytes + gib(CONTEXT_GIB[-1]) + spare_bytes
    result = fit(llama(), replace(ADA, free_bytes=free), engine_args, NEWEST)
    assert (result.verdict, result.reason) == (verdict, None if verdict == "fits" else "free_memory")


@pytest.mark.parametrize(("spare_bytes", "verdict"), [(0, "tight"), (-1, "refused")])
def test_what_may_be_free_is_compared_alike(spare_bytes: int, verdict: str) -> None:
    """The most that can be free after the smallest context: a byte less than the budget is refused."""
    engine_args = EngineArgs(max_model_len=8192)
    whole = fit(llama(), ADA, engine_args, NEWEST).per_gpu
    assert whole is not None
    free = whole.budget_bytes + gib(CONTEXT_GIB[0]) + spare_bytes
    result = fit(llama(), replace(ADA, free_bytes=free), engine_args, NEWEST)
    assert (result.verdict, result.reason) == (verdict, "free_memory")


@pytest.mark.parametrize(("spare_bytes", "is_certain"), [(0, True), (-1, False)])
def test_a_shorter_context_is_certain_to_fit_only_where_the_start_is(
    spare_bytes: int, is_certain: bool
) -> None:
    """The longest length that is certain: none where the free memory may be a byte short."""
    engine_args = EngineArgs()
    whole = fit(llama(), ADA, engine_args, NEWEST).per_gpu
    assert whole is not None
    free = whole.budget_bytes + gib(CONTEXT_GIB[-1]) + spare_bytes
    result = fit(llama(), replace(ADA, free_bytes=free), engine_args, NEWEST)
    assert bool(result.max_model_len_that_fits) == is_certain
