"""CUDA context and NCCL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import ADA, GIB, llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.config import EngineConfig, resolve_engine
from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import ByteRange, gib
from vllm_costmeter.core.memory.overheads import free_memory, is_amd, non_torch
from vllm_costmeter.core.release import release_of

H100 = GpuGroup("H100 SXM", round(79.19 * GIB), compute_capability=(9, 0))


def engine(**flags: object) -> EngineConfig:
    """A resolved 8B Llama."""
    return resolve_engine(llama(), ADA, EngineArgs(**flags), release_of("0.20.0"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("layout", "last", "logged_gib"),
    [
        (ParallelConfig(), True, 0.25),
        (ParallelConfig(tensor_parallel_size=2), True, 2.07),
        (ParallelConfig(tensor_parallel_size=4), True, 2.13),
        (ParallelConfig(pipeline_parallel_size=2), False, 0.07),
    ],
)
def test_non_torch_memory_as_logged_by_0_19(layout: ParallelConfig, last: bool, logged_gib: float) -> None:
    """Within 0.05 GiB of the H100 logs, and the range contains them."""
    rules = engine_rules(release_of("0.19.0"))
    estimate = non_torch(engine(layout=layout), rules, H100, is_moe=False, is_last_rank=last)
    assert estimate.bytes / GIB == pytest.approx(logged_gib, abs=0.05)
    assert estimate.low_bytes < gib(logged_gib) < estimate.high_bytes


AMPERE = replace(ADA, name="A100 80GB SXM", compute_capability=(8, 0))
BARE = GpuGroup("GPU of 24 GiB", 24 * GIB)
AMD = GpuGroup("MI300X", 192 * GIB)


def outside(
    version: str, gpu: GpuGroup = BARE, last: bool = True, moe: bool = False, **layout: int | bool
) -> tuple[float, float, float]:
    """(least, usual, most) GiB outside PyTorch's allocator."""
    rules = engine_rules(release_of(version))
    found = non_torch(engine(layout=ParallelConfig(**layout)), rules, gpu, is_moe=moe, is_last_rank=last)  # type: ignore[arg-type]
    return tuple(each / GIB for each in (found.low_bytes, found.bytes, found.high_bytes))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("version", "gpu", "expected"),
    [
        ("0.19.0", ADA, (0.05, 0.5, 0.5)),
        ("0.19.0", AMPERE, (0.05, 0.07, 0.46)),
        ("0.19.0", H100, (0.2, 0.25, 0.46)),
        ("0.19.0", replace(ADA, compute_capability=(12, 0)), (0.05, 0.25, 0.46)),
        ("0.19.0", BARE, (0.05, 0.25, 0.46)),
        ("0.14.1", H100, (0.02, 0.07, 0.35)),
        ("0.29.0", AMD, (0.2, 0.9, 1.8)),
    ],
)
def test_one_gpu_holds_what_its_kind_logged(
    version: str, gpu: GpuGroup, expected: tuple[float, float, float]
) -> None:
    """0.5 GiB on an RTX 4090 with 0.19.0, 0.07 on A100 with 0.17.1, 0.56 to 1.7 in three logs of ROCm (0.23 to 0.29);
    the release's own range where no log is known."""
    assert outside(version, gpu) == pytest.approx(expected)


@pytest.mark.parametrize(("last", "expected"), [(False, (0.05, 0.07, 0.46)), (True, (0.05, 0.25, 0.46))])
def test_a_pipeline_rank_without_sampler_holds_less(last: bool, expected: tuple[float, float, float]) -> None:
    """0.07 GiB logged by 0.19.0; the last rank is as one GPU alone."""
    assert outside("0.19.0", last=last, pipeline_parallel_size=2) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("version", "gpu", "layout", "expected"),
    [
        ("0.14.1", H100, {"tensor_parallel_size": 2}, (0.1, 0.2, 2.1)),
        ("0.15.0", H100, {"tensor_parallel_size": 2}, (1.9, 2.1, 2.3)),
        ("0.19.0", BARE, {"tensor_parallel_size": 2}, (0.1, 2.1, 2.25)),
        ("0.19.0", ADA, {"tensor_parallel_size": 2}, (0.1, 0.45, 0.8)),
        ("0.19.0", ADA, {"tensor_parallel_size": 4}, (0.2, 1.0, 1.8)),
        ("0.19.0", ADA, {"tensor_parallel_size": 7}, (0.2, 1.0, 1.8)),
        ("0.19.0", ADA, {"tensor_parallel_size": 8}, (0.2, 1.0, 3.0)),
        ("0.19.0", ADA, {"tensor_parallel_size": 2, "data_parallel_size": 4}, (0.1, 0.45, 0.8)),
        ("0.19.0", BARE, {"data_parallel_size": 2}, (0.05, 0.25, 0.46)),
        ("0.19.0", BARE, {"enable_expert_parallel": True}, (0.05, 0.25, 0.46)),
        ("0.19.0", BARE, {"data_parallel_size": 2, "enable_expert_parallel": True}, (0.05, 0.25, 0.46)),
        ("0.19.0", ADA, {"moe": True, "data_parallel_size": 2}, (0.1, 0.45, 0.8)),
        (
            "0.19.0",
            ADA,
            {"moe": True, "data_parallel_size": 2, "enable_expert_parallel": True},
            (0.1, 0.45, 0.8),
        ),
        ("0.19.0", ADA, {"moe": True, "tensor_parallel_size": 2, "data_parallel_size": 4}, (0.2, 1.0, 3.0)),
    ],
)
def test_linked_gpus_hold_nccls_buffers(
    version: str, gpu: GpuGroup, layout: dict[str, int | bool], expected: tuple[float, float, float]
) -> None:
    """By their link from 0.15 on; replicas are linked where they have experts. 2 to 3 GiB logged at TP 8."""
    assert outside(version, gpu, **layout) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "capability", "runs_rocm"),
    [
        ("MI300X", None, True),
        ("AMD Radeon 8060S", None, True),
        ("Instinct MI250", None, True),
        ("GPU of 24 GiB", None, False),
        ("H100 SXM", (9, 0), False),
        ("MI300X", (9, 0), False),
    ],
)
def test_amds_gpus_are_known_by_name(name: str, capability: tuple[int, int] | None, runs_rocm: bool) -> None:
    """Only NVIDIA's have a compute capability."""
    assert is_amd(GpuGroup(name, GIB, compute_capability=capability)) == runs_rocm


SPARK = GpuGroup("GB10", 120 * GIB, compute_capability=(12, 1))


@pytest.mark.parametrize(
    ("gpu", "free", "said"),
    [
        (H100, H100.memory_bytes, "the GPU less 0.51 GiB of CUDA context"),
        (replace(H100, free_bytes=10 * GIB), 10 * GIB, "free now less 0.51 GiB of CUDA context"),
        (replace(H100, free_bytes=99 * GIB), H100.memory_bytes, "free now less 0.51 GiB of CUDA context"),
        (replace(SPARK, free_bytes=10 * GIB), 10 * GIB, "free now less 0.51 GiB of CUDA context"),
    ],
)
def test_free_memory_is_what_is_left_after_vllms_own_context(gpu: GpuGroup, free: int, said: str) -> None:
    """An idle H100 of 79.19 GiB showed 78.68 free to vLLM 0.19.0. No more is free than there is."""
    assert free_memory(gpu) == ByteRange(free - gib(0.51), free - gib(0.70), free - gib(0.25), said)


def test_a_full_gpu_has_nothing_free() -> None:
    """Never less than 0."""
    found = free_memory(replace(H100, free_bytes=7))
    assert (found.low_bytes, found.bytes, found.high_bytes) == (0, 0, 0)
