"""The running server's shape, from configurations as vLLM builds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.sources.vllm.config import (
    ServerShape,
    device_ids_of_engine_args,
    fields_changed,
    plan_from_engine_args,
    server_shape,
    with_resolved_defaults,
    with_resolved_scheduling,
)


def shape(engines: int = 1, cache: dict[str, Any] | None = None, **parallel: Any) -> ServerShape:
    """Of a server with these parallel settings; the rest are vLLM's defaults."""
    defaults = {"world_size": 1, "data_parallel_size": 1, "data_parallel_size_local": 1, "nnodes": 1}
    defaults |= {"_api_process_rank": 0, "_api_process_count": 1}
    config = SimpleNamespace(
        model_config=SimpleNamespace(served_model_name=["tiny", "alias"]),
        parallel_config=SimpleNamespace(**{**defaults, **parallel}),
        cache_config=SimpleNamespace(**(cache or {"kv_cache_size_tokens": 1000})),
    )
    return server_shape(config, range(engines))


@pytest.mark.parametrize(
    ("engines", "parallel", "charged", "local"),
    [
        (1, {"world_size": 8}, 8, 8),
        (1, {"world_size": 16, "nnodes": 2}, 16, 8),  # one engine over two nodes; the second is --headless
        (2, {"world_size": 8, "nnodes": 2, "data_parallel_size": 2}, 16, 8),  # a rank on each node
        (4, {"world_size": 8, "nnodes": 4, "data_parallel_size": 4}, 32, 8),
        (2, {"world_size": 16, "nnodes": 4, "data_parallel_size": 2}, 32, 8),  # each rank over two nodes
        (
            4,
            {"world_size": 2, "data_parallel_size": 4, "data_parallel_size_local": 2},
            8,
            4,
        ),  # others --headless
        (
            4,
            {"world_size": 2, "data_parallel_size": 4, "data_parallel_size_local": 0},
            8,
            0,
        ),  # all of them elsewhere
        (
            1,
            {"world_size": 4, "data_parallel_size": 8, "nnodes": 2},
            4,
            4,
        ),  # external load balancing: one rank is ours
        (
            2,
            {"world_size": 4, "data_parallel_size": 8, "data_parallel_size_local": 2},
            8,
            8,
        ),  # hybrid: two are
    ],
)
def test_the_head_charges_for_all_its_engines_and_reads_the_local_gpus(
    engines: int, parallel: dict[str, Any], charged: int, local: int
) -> None:
    """GPUs charged are those of every engine this server manages; GPUs read are those on this machine."""
    found = shape(engines, **parallel)
    assert (found.gpus_per_engine * len(found.engine_indexes), found.local_gpus) == (charged, local)


class RayExecutor:
    """As vLLM's own Ray executors say it (`v1/executor`, 0.17 to 0.33)."""

    uses_ray = True


@pytest.mark.parametrize(
    "placed",
    [
        {"distributed_executor_backend": "ray"},
        {"distributed_executor_backend": RayExecutor},
        {"data_parallel_backend": "ray"},
    ],
)
def test_under_ray_the_gpus_may_be_anywhere_and_are_all_charged(placed: dict[str, Any]) -> None:
    """Tensor and pipeline parallel over Ray's nodes: one API process meters, and pays for tensor x pipeline GPUs."""
    found = shape(world_size=16, tensor_parallel_size=8, pipeline_parallel_size=2, **placed)
    assert found.gpus_per_engine == 16
    assert found.may_be_elsewhere
    assert not shape(world_size=16, distributed_executor_backend=object).may_be_elsewhere


def test_device_ids_are_those_that_vllm_resolved() -> None:
    """Since 0.24; without the flag, in older releases, and under Ray, which places workers itself, there are none."""
    assert shape(assigned_physical_gpu_ids=[3, 1]).device_ids == (3, 1)
    assert shape(assigned_physical_gpu_ids=None).device_ids is None
    assert shape().device_ids is None
    assert shape(assigned_physical_gpu_ids=[3], distributed_executor_backend="ray").device_ids is None


@pytest.mark.parametrize("backend", ["distributed_executor_backend", "data_parallel_backend"])
def test_ray_may_place_ranks_on_any_machine(backend: str) -> None:
    """So fewer GPUs here than ranks are no fault there, and are one elsewhere."""
    assert shape(**{backend: "ray"}).may_be_elsewhere
    assert not shape(**{backend: "mp"}).may_be_elsewhere
    assert not shape().may_be_elsewhere


def test_device_ids_are_read_as_they_were_given() -> None:
    """Places or UUIDs, before vLLM resolves them."""
    given = SimpleNamespace(device_ids=[1, 0], distributed_executor_backend=None)
    assert device_ids_of_engine_args(given) == (1, 0)
    assert device_ids_of_engine_args(SimpleNamespace()) is None
    by_ray = SimpleNamespace(device_ids=[1], distributed_executor_backend="ray")
    assert device_ids_of_engine_args(by_ray) is None


def test_the_kv_cache_is_as_vllm_counts_it() -> None:
    """Its own number where it has one; before 0.20 blocks, summed over engines; none for a model without a cache."""
    assert shape().kv_cache_capacity_tokens == 1000
    older = {"num_gpu_blocks": 200, "block_size": 16}
    assert shape(2, older).kv_cache_capacity_tokens == 1600
    assert shape(1, {"num_gpu_blocks": 0, "block_size": 16}).kv_cache_capacity_tokens is None


def test_a_server_is_named_by_its_first_name() -> None:
    """vLLM labels its own metrics with it too."""
    assert shape().model_name == "tiny"


def test_a_parent_of_api_servers_is_no_rank() -> None:
    """vLLM gives the parent rank -1; whoever meters is at least 0."""
    assert shape(_api_process_rank=-1, _api_process_count=2).api_process_rank == 0


def engine_arguments(mode: str | None = None, level: int = 2) -> SimpleNamespace:
    """vLLM's EngineArgs as far as CUDA graphs go."""
    graphs = None if mode is None else SimpleNamespace(name=mode)
    return SimpleNamespace(
        compilation_config=SimpleNamespace(cudagraph_mode=graphs),
        optimization_level=level,
        limit_mm_per_prompt=None,
    )


def resolved(mode: str, runner: str = "generate") -> SimpleNamespace:
    """The configuration that vLLM made of it."""
    return SimpleNamespace(
        scheduler_config=SimpleNamespace(max_num_seqs=256, max_num_batched_tokens=2048),
        compilation_config=SimpleNamespace(cudagraph_mode=SimpleNamespace(name=mode)),
        model_config=SimpleNamespace(runner_type=runner),
    )


@pytest.mark.parametrize(
    ("asked", "level", "made", "mode"),
    [
        (None, 2, "FULL_AND_PIECEWISE", None),
        (None, 1, "PIECEWISE", "PIECEWISE"),
        (None, 0, "NONE", "NONE"),
        ("FULL_DECODE_ONLY", 2, "FULL_DECODE_ONLY", "FULL_DECODE_ONLY"),
        (None, 2, "PIECEWISE", "PIECEWISE"),
    ],
)
def test_the_cuda_graph_mode_is_the_asked_one_unless_vllm_gave_full_graphs_up(
    asked: str | None, level: int, made: str, mode: str | None
) -> None:
    """So that a server and a later check of the same flags compare as equal."""
    plan = plan_from_engine_args(engine_arguments(asked, level))
    assert with_resolved_defaults(plan, resolved(made)).cudagraph_mode == mode


@pytest.mark.parametrize("decided", [True, False])
def test_asynchronous_scheduling_is_as_vllm_decided(decided: bool) -> None:
    """Whatever was given; a release without a decision keeps the flag."""
    plan = EngineArgs()
    config = SimpleNamespace(scheduler_config=SimpleNamespace(async_scheduling=decided))
    assert with_resolved_scheduling(plan, config).async_scheduling is decided
    assert with_resolved_scheduling(plan, SimpleNamespace(scheduler_config=SimpleNamespace())) is plan


def test_flags_that_only_the_first_runner_knows_are_kept() -> None:
    """As a command line's: given and on, from vLLM's own objects too."""
    given = engine_arguments(None, 2)
    assert plan_from_engine_args(given).first_runner_flags == ()
    given.reasoning_parser, given.enable_dbo, given.ec_transfer_config = "qwen3", False, SimpleNamespace()
    assert plan_from_engine_args(given).first_runner_flags == ("reasoning_parser", "ec_transfer_config")


@dataclass
class Arguments:
    """EngineArgs with fields of three kinds."""

    swa_bounded_replay: bool = True
    moe_backend: str = "auto"
    additional_config: dict[str, Any] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({}, {}),
        ({"swa_bounded_replay": False}, {"swa_bounded_replay": False}),
        ({"moe_backend": "triton", "additional_config": {"a": 1}}, {"additional_config": {"a": 1}}),
    ],
)
def test_fields_are_compared_with_vllms_own_defaults(given: dict[str, Any], changed: dict[str, Any]) -> None:
    """Those that were asked for; off is a change where on is the default."""
    names = ("swa_bounded_replay", "additional_config", "of_another_release")
    assert fields_changed(Arguments(**given), names) == changed
