"""The budget or pool that leaves room: how much less, and which of two is taken."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import ADA, GIB
from served_changes import ENOUGH, Served
from stated_sizing import MIB, above, blank

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.fit.room import leaving_room, with_room
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.above_budget import AboveBudget

GPU = replace(ADA, memory_bytes=100 * GIB)


def needing(
    above_budget: AboveBudget | None,
    utilization: float = 0.9,
    reserved: int | None = None,
    gpu: GpuGroup = GPU,
) -> Fit:
    """A tight result on 100 GiB, of which hundredths are GiB."""
    asked = EngineArgs(gpu_memory_utilization=utilization, kv_cache_memory_bytes=reserved)
    return replace(blank(asked, gpu=gpu), verdict="tight", reason="above_budget", above_budget=above_budget)


def tried(result: Fit) -> list[str]:
    """The flags of the changes that are tried where none fits."""
    trials = Served()
    assert leaving_room(result, trials) == []
    return [each.arguments for each in trials.asked]


@pytest.mark.parametrize(
    ("above_budget", "arguments"),
    [
        (None, []),
        (above(3 * 1024, 2048, high=5 * 1024), ["0.87", "0.89"]),
        (above(3 * 1024, 2048, high=5 * 1024 + 1), ["0.86", "0.89"]),
        (above(2048, 2048, high=5 * 1024), ["0.87"]),
        (above(2048, 2048, high=2048), []),
        (above(120 * 1024, 0, high=130 * 1024), ["0.01", "0.01"]),
    ],
)
def test_a_budget_is_lowered_by_what_is_missing(
    above_budget: AboveBudget | None, arguments: list[str]
) -> None:
    """To the hundredth below, first by the most and then by the usual amount; not below one hundredth, and not where
    the room is there already."""
    assert tried(needing(above_budget)) == [f"--gpu-memory-utilization {share}" for share in arguments]


@pytest.mark.parametrize(
    ("missing", "pool"), [(10, 90 * MIB), (20, 80 * MIB), (99, MIB), (200, MIB)], ids=str
)
def test_a_reserved_pool_shrinks_by_whole_mebibytes(missing: int, pool: int) -> None:
    """To the one below, and to one at least."""
    result = needing(above(missing, 0), reserved=100 * MIB + 5)
    asked = f"--kv-cache-memory-bytes {pool}"
    trials = Served({asked: ENOUGH})
    (found,) = leaving_room(result, trials)
    assert (found.arguments, found.change) == (asked, {"kv_cache_memory_bytes": pool})
    assert trials.asked[0].engine_args.kv_cache_memory_bytes == pool
    assert trials.asked[0].engine_args.gpu_memory_utilization == 0.9


@pytest.mark.parametrize(
    ("most", "usual", "taken"),
    [
        (ENOUGH, ENOUGH, ("0.87", {})),
        (4096, ENOUGH, ("0.89", {})),
        (4096, 8192, ("0.87", {"max_model_len": 4096})),
        (None, 8192, ("0.89", {"max_model_len": 8192})),
    ],
)
def test_the_whole_context_goes_before_room_for_the_most(
    most: int | None, usual: int, taken: tuple[str, dict[str, int]]
) -> None:
    """Room for the most that may be needed is taken where it serves the context, then room for the usual amount, then
    the first with a shorter one."""
    stated = {"--gpu-memory-utilization 0.87": most, "--gpu-memory-utilization 0.89": usual}
    trials = Served({words: tokens for words, tokens in stated.items() if tokens is not None})
    (found,) = leaving_room(needing(above(3 * 1024, 2048, high=5 * 1024)), trials)
    share, shorter = taken
    assert found.arguments == f"--gpu-memory-utilization {share}"
    assert found.change == {"gpu_memory_utilization": float(share), **shorter}


def test_room_is_sought_only_where_what_fits_may_run_out() -> None:
    """An 8B of 15 GiB that needs at most as much as its budget leaves, or does not fit, or is not known in bytes."""
    may = above(1024, 2048, high=2049)
    result = replace(needing(may, 0.97, gpu=ADA), verdict="fits")
    assert with_room(result).leaves_room is not None
    for other in (
        replace(result, verdict="tight"),
        replace(result, above_budget=None),
        replace(result, above_budget=above(1024, 2048, high=2048)),
    ):
        assert with_room(other) is other
