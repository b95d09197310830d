"""Verdict and changes where a server may need more than its budget leaves of the GPU."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import ADA, GIB, llama

from vllm_costmeter.assembly import assembled
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import release_of
from vllm_costmeter.outputs.check.text import above_budget_lines

SMALL = GpuGroup("RTX 3060 12GB", round(11.64 * GIB), compute_capability=(8, 6))


def answered(gpu: GpuGroup, version: str, **flags: object) -> Fit:
    """The complete answer for a model of 2 GiB at 4096 tokens."""
    given = EngineArgs(**{"max_model_len": 4096, **flags})  # type: ignore[arg-type]
    return assembled(llama(2.0), gpu, given, release=release_of(version), calibration="none").answer()


@pytest.mark.parametrize("version", ["0.17.0", "0.20.0", "0.25.0", "0.28.0", "0.29.0", "0.33.0"])
def test_defaults_on_24_gib_are_not_tight(version: str) -> None:
    """0.92 leaves 1.9 GiB of a 4090, 0.9 leaves 2.4."""
    assert answered(ADA, version).verdict == "fits"


def test_a_budget_without_room_for_the_rest_is_tight() -> None:
    """Whether it starts and serves depends on what vLLM needs above the budget; the answer says how much."""
    assert answered(ADA, "0.27.0", gpu_memory_utilization=0.97).reason == "above_budget"
    result = answered(SMALL, "0.19.0", gpu_memory_utilization=0.92)
    assert (result.verdict, result.reason, result.max_model_len_that_fits) == ("tight", "above_budget", 0)
    assert "vLLM uses 1.16 GiB above its budget (0.55 to 2.70)" in result.message
    assert "which leaves 0.93 GiB of RTX 3060 12GB" in result.message


def test_the_first_changes_leave_room() -> None:
    """Fewer captured batches, or a lower utilization with which the most that may be needed fits; each checked."""
    result = answered(SMALL, "0.19.0", gpu_memory_utilization=0.92)
    changes = [set(each.change) for each in result.suggestions]
    assert changes[:2] == [{"max_num_seqs"}, {"gpu_memory_utilization"}]
    lower = result.suggestions[1].change["gpu_memory_utilization"]
    after = answered(SMALL, "0.19.0", gpu_memory_utilization=lower)
    assert after.verdict == "fits"
    assert after.above_budget is not None
    assert not after.above_budget.may_exceed


def test_what_fits_but_may_run_out_says_what_leaves_room() -> None:
    """The line names the usual and the highest amount, and a utilization that the same check accepts."""
    result = answered(SMALL, "0.33.0")
    assert result.verdict == "fits"
    assert result.leaves_room is not None
    (line,) = above_budget_lines(result)
    assert line.startswith("above its budget, vLLM uses 0.56 GiB, at most 1.55 GiB, of the 0.93 GiB")
    assert line.endswith("--gpu-memory-utilization 0.86 leaves room")
    assert above_budget_lines(answered(SMALL, "0.33.0", gpu_memory_utilization=0.86)) == []


def test_a_reserved_pool_is_made_smaller() -> None:
    """--gpu-memory-utilization has no effect on it."""
    pool = round(7.7 * GIB)
    result = answered(SMALL, "0.27.0", kv_cache_memory_bytes=pool)
    assert result.leaves_room is not None
    assert result.leaves_room.arguments.startswith("--kv-cache-memory-bytes ")
    assert result.leaves_room.change["kv_cache_memory_bytes"] < pool


def test_large_gpus_say_nothing() -> None:
    """The default leaves more than anything may need."""
    large = replace(ADA, name="L40S", memory_bytes=round(44.4 * GIB))
    assert above_budget_lines(answered(large, "0.33.0")) == []
