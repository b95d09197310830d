"""GPUs that share the machine's memory with the CPU."""

from __future__ import annotations

import pytest
from example_models import GIB, llama

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.overheads import free_memory
from vllm_costmeter.core.memory.unified import unified_free, unified_non_torch
from vllm_costmeter.core.release import release_of

SPARK = GpuGroup("GB10", round(121.69 * GIB), compute_capability=(12, 1))


@pytest.mark.parametrize(
    ("name", "capability", "kind"),
    [
        ("NVIDIA GB10 (DGX Spark)", None, "gb10"),
        ("a GPU", (12, 1), "gb10"),
        ("NVIDIA Thor", None, "thor"),
        ("Orin (nvgpu)", (8, 7), "orin"),
        ("Radeon 8060S Graphics", None, "strix_halo"),
        ("RTX 4090", None, None),
        ("GB200 NVL72", (10, 0), None),
        ("GH200 96GB", (9, 0), None),
    ],
)
def test_a_unified_gpu_is_known_by_capability_or_name(
    name: str, capability: tuple[int, int] | None, kind: str | None
) -> None:
    """The capability decides where it is known; GH200 and GB200 have memory of their own."""
    assert GpuGroup(name, GIB, compute_capability=capability).unified == kind


@pytest.mark.parametrize("logged_gib", [-3.3, 0.5, 2.1, 5.9, 7.9])
def test_the_range_contains_what_logs_left(logged_gib: float) -> None:
    """Others may take or give back gigabytes while vLLM loads."""
    estimate = unified_non_torch(SPARK)
    assert estimate.low_bytes <= round(logged_gib * GIB) <= estimate.high_bytes


@pytest.mark.parametrize(
    ("total", "free"), [(121.69, 114.54), (121.69, 111.38), (121.63, 111.18), (119.63, 112.26)]
)
def test_free_memory_of_a_gb10_as_logged(total: float, free: float) -> None:
    """The system and its programs use 7 to 10.5 GiB before vLLM starts."""
    found = free_memory(GpuGroup("GB10", round(total * GIB), compute_capability=(12, 1)))
    assert found.low_bytes <= free * GIB <= found.high_bytes


def test_a_small_jetson_keeps_a_gibibyte_for_its_system() -> None:
    """No share of 8 GB would do."""
    nano = unified_free(GpuGroup("Jetson Orin Nano 8GB", round(7.37 * GIB), compute_capability=(8, 7)))
    assert nano.bytes == round(7.37 * GIB) - GIB


def test_the_default_utilization_is_tight_on_a_gb10() -> None:
    """0.92 of 121.69 GiB is more than the 111.38 GiB that one log shows free, and less than 114.54."""
    release = release_of("0.32.0")
    default = fit(llama(), SPARK, EngineArgs(max_model_len=8192), release)
    assert (default.verdict, default.reason) == ("tight", "free_memory")
    assert "leave 110.98 to 120.47 GiB" in default.message
    lower = fit(llama(), SPARK, EngineArgs(max_model_len=8192, gpu_memory_utilization=0.9), release)
    assert lower.verdict == "fits"


def test_a_total_that_depends_on_settings_is_judged_at_both_ends() -> None:
    """Strix Halo shows half of the machine's memory, or most of it."""
    halo = GpuGroup("Strix Halo", round(62.47 * GIB), memory_bytes_range=(round(62.47 * GIB), 127 * GIB))
    arguments = EngineArgs(max_model_len=8192, gpu_memory_utilization=0.85)
    verdicts = [fit(llama(gib), halo, arguments, release_of("0.32.0")).verdict for gib in (30.0, 80.0, 120.0)]
    assert verdicts == ["fits", "tight", "refused"]


@pytest.mark.parametrize(
    ("name", "who", "logs"),
    [
        ("GB10", "the fall of the host's available memory", "; 18 logs of GB10"),
        ("NVIDIA Thor", "the fall of the host's available memory", "none of this GPU"),
        ("Strix Halo", "what HIP counts as used", "none of this GPU"),
    ],
)
def test_the_rule_names_what_is_counted_and_where_it_was_logged(name: str, who: str, logs: str) -> None:
    """HIP counts its own memory where CUDA's integrated GPUs have the host's."""
    rule = unified_non_torch(GpuGroup(name, 128 * GIB)).rule
    assert rule.startswith(f"unified memory: {who}")
    assert rule.endswith(logs)
