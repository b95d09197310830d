"""CUDA context and NCCL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import ADA, GIB, llama
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.config import EngineConfig, resolve_engine
from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import ByteRange, exactly, gib
from vllm_costmeter.core.memory.overheads import free_memory, is_amd, non_torch
from vllm_costmeter.core.release import release_of

H100 = GpuGroup("H100 SXM", round(79.19 * GIB), compute_capability=(9, 0))


def engine(**flags: object) -> EngineConfig:
    """A resolved 8B Llama."""
    return resolve_engine(llama(), ADA, EngineArgs(**flags), release_of("0.20.0"))  # type: ignore[arg-type]


def test_an_estimate_outside_its_range_is_a_mistake() -> None:
    """The constructor holds low <= value <= high."""
    with pytest.raises(ValueError, match="lies in its range"):
        ByteRange(5, 6, 7, "")


@given(st.integers(0, 1 << 50))
def test_an_exact_estimate_has_no_range(value: int) -> None:
    """Both ends are the value."""
    assert exactly(value, "x").low_bytes == exactly(value, "x").high_bytes == value


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
    estimate = non_torch(engine(layout=layout), rules, H100, is_last_rank=last)
    assert estimate.bytes / GIB == pytest.approx(logged_gib, abs=0.05)
    assert estimate.low_bytes < gib(logged_gib) < estimate.high_bytes


def test_an_ada_gpu_holds_more_and_an_a100_less() -> None:
    """As logged: 0.5 GiB on an RTX 4090 with 0.19.0, 0.07 on A100 with 0.17.1."""
    rules = engine_rules(release_of("0.19.0"))
    a100 = replace(ADA, name="A100 80GB SXM", compute_capability=(8, 0))
    assert non_torch(engine(), rules, ADA, is_last_rank=True).bytes == gib(0.5)
    assert non_torch(engine(), rules, a100, is_last_rank=True).bytes == gib(0.07)


def test_rocm_holds_more() -> None:
    """0.56 to 1.7 GiB beside weights and activations in three logs of 0.23 to 0.29."""
    amd = GpuGroup("MI300X", 192 * GIB)
    estimate = non_torch(engine(), engine_rules(release_of("0.29.0")), amd, is_last_rank=True)
    assert estimate.low_bytes < 0.56 * GIB < estimate.bytes < 1.7 * GIB < estimate.high_bytes
    assert not is_amd(H100)


def test_free_memory_is_what_is_left_after_vllms_own_context() -> None:
    """An idle H100 of 79.19 GiB showed 78.68 free to vLLM 0.19.0."""
    assert free_memory(H100).bytes == pytest.approx(78.68 * GIB, rel=1e-9)
    busy = free_memory(replace(H100, free_bytes=10 * GIB))
    assert busy.low_bytes < busy.bytes == 10 * GIB - gib(0.51) < busy.high_bytes < 10 * GIB
    assert free_memory(replace(H100, free_bytes=7)).bytes == 0
