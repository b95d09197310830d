"""Other layouts to try: each changes what it names and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import ADA

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.parallel_changes import (
    doublings,
    enough_gpus,
    narrower_layouts,
    unsplit_layouts,
    whole_experts,
    wider_layouts,
)
from vllm_costmeter.core.gpu.group import GpuGroup

LOCAL = replace(ADA, source="nvml", count=4)


def args(tensor: int = 1, pipeline: int = 1, data: int = 1, **more: Any) -> EngineArgs:
    return EngineArgs(layout=replace(ParallelConfig(tensor, pipeline, data), **more))


@pytest.mark.parametrize(("size", "sizes"), [(1, [2, 4, 8]), (2, [4, 8]), (3, [6]), (4, [8]), (8, [])])
def test_sizes_double_up_to_the_eight_gpus_of_a_machine(size: int, sizes: list[int]) -> None:
    assert doublings(args(size)) == sizes


def test_a_wider_layout_takes_no_more_gpus_than_there_are() -> None:
    """Four GPUs in two stages: two in each."""
    (only,) = wider_layouts(LOCAL, args(pipeline=2), [2, 4, 8])
    assert (only.arguments, only.engine_args, only.gpu.count) == (
        "--tensor-parallel-size 2",
        args(2, 2),
        4,
    )


def test_a_narrower_layout_leaves_room_for_the_other_ranks() -> None:
    """Four GPUs in two stages hold two ranks each, then one; never as many as were asked."""
    assert [each.change for each in narrower_layouts(LOCAL, args(8, 2))] == [
        {"tensor_parallel_size": 2},
        {"tensor_parallel_size": 1},
    ]
    assert [each.engine_args for each in narrower_layouts(LOCAL, args(2))] == [args(1)]
    assert list(narrower_layouts(LOCAL, args(1))) == []


def test_each_way_of_splitting_is_undone_alone() -> None:
    """Context parallelism and pipeline stages become 1; a layout with neither has nothing to undo."""
    split = args(2, 2, decode_context_parallel_size=2)
    assert [(each.change, each.arguments, each.engine_args) for each in unsplit_layouts(LOCAL, split)] == [
        ({"decode_context_parallel_size": 1}, "--decode-context-parallel-size 1", args(2, 2)),
        (
            {"pipeline_parallel_size": 1},
            "--pipeline-parallel-size 1",
            args(2, 1, decode_context_parallel_size=2),
        ),
    ]
    assert list(unsplit_layouts(LOCAL, args(2))) == []


def test_whole_experts_are_offered_once() -> None:
    """Not where every GPU has whole ones already."""
    (only,) = whole_experts(LOCAL, args(2))
    assert (only.change, only.engine_args) == (
        {"enable_expert_parallel": True},
        args(2, enable_expert_parallel=True),
    )
    assert list(whole_experts(LOCAL, only.engine_args)) == []


def test_more_gpus_are_offered_only_where_their_number_was_stated() -> None:
    """Those of this machine are as many as they are."""
    (only,) = enough_gpus(ADA, args(4), 4)
    assert (only.change, only.gpu.count) == ({"gpu": "RTX 4090", "gpu_count": 4}, 4)
    assert list(enough_gpus(LOCAL, args(8), 8)) == []


def test_a_wider_layout_counts_all_other_ranks() -> None:
    """Two stages of two replicas leave two of a machine's eight GPUs for each; of GPUs that exist none is added."""
    (only,) = wider_layouts(ADA, args(pipeline=2, data=2), [2, 3, 4])
    assert (only.engine_args, only.gpu.count) == (args(2, 2, 2), 8)
    assert list(wider_layouts(replace(LOCAL, count=7), args(pipeline=2, data=2), [2])) == []
    (local,) = wider_layouts(replace(LOCAL, count=8), args(pipeline=2, data=2), [2])
    assert local.gpu.count == 8


@pytest.mark.parametrize(
    ("gpu", "change", "arguments", "count"),
    [
        (ADA, {"tensor_parallel_size": 4}, "--tensor-parallel-size 4", 4),
        (replace(ADA, count=6), {"tensor_parallel_size": 4}, "--tensor-parallel-size 4", 6),
        (
            replace(ADA, count=4, is_count_stated=True),
            {"tensor_parallel_size": 4},
            "--tensor-parallel-size 4",
            4,
        ),
        (
            replace(ADA, count=3, is_count_stated=True),
            {"tensor_parallel_size": 4, "gpu_count": 4},
            '--gpu "RTX 4090:4" --tensor-parallel-size 4',
            4,
        ),
    ],
)
def test_a_number_of_gpus_is_raised_in_words_only_where_one_was_stated(
    gpu: GpuGroup, change: dict[str, int], arguments: str, count: int
) -> None:
    """Otherwise it follows from the layout; more GPUs than a layout needs stay."""
    (only,) = wider_layouts(gpu, args(), [4])
    assert (only.change, only.arguments, only.gpu.count) == (change, arguments, count)


def test_no_layout_spreads_over_slices() -> None:
    """CUDA shows a process one MIG slice."""
    part = replace(ADA, name="A100 MIG 1g.10gb")
    assert list(wider_layouts(part, args(), [2, 4])) == []
    assert list(enough_gpus(part, args(2), 2)) == []


def test_narrower_layouts_count_all_other_ranks_and_no_more_than_heads_exist() -> None:
    """Twelve GPUs in two stages of two replicas: three each; a mistyped size is tried from 128 on."""
    twelve = [each.change for each in narrower_layouts(replace(LOCAL, count=12), args(8, 2, 2))]
    assert twelve == [{"tensor_parallel_size": size} for size in (3, 2, 1)]
    many = [each.arguments for each in narrower_layouts(replace(ADA, count=5000), args(1000))]
    assert many == [f"--tensor-parallel-size {size}" for size in range(128, 0, -1)]
