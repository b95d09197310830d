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


@pytest.mark.parametrize(
    ("total_gib", "free_gib"),
    [(100, (91.2, 94.0, 99.0)), (8, (5.5, 7.0, 7.5)), (20, (17.5, 18.8, 19.5)), (1, (0.0, 0.0, 0.5))],
)
def test_the_system_takes_its_share_and_gibibytes_at_least(
    total_gib: float, free_gib: tuple[float, float, float]
) -> None:
    """1 to 8.8 % of the total, usually 6; no less than 0.5 to 2.5 GiB, usually 1, however small a Jetson is."""
    found = unified_free(GpuGroup("Jetson", total_gib * GIB, compute_capability=(8, 7)))
    ends = [each / GIB for each in (found.low_bytes, found.bytes, found.high_bytes)]
    assert ends == pytest.approx(free_gib)


@pytest.mark.parametrize(
    ("total_gib", "others_gib"),
    [
        (121.69, (-3.3, 3.5, 8.0)),
        (119.63, (-3.3, 3.5, 8.0)),
        (119.63 / 2, (-1.65, 1.75, 4.0)),
        (119.63 / 10, (-0.33, 0.5, 1.5)),
    ],
)
def test_a_smaller_machine_gets_a_share_of_the_range(
    total_gib: float, others_gib: tuple[float, float, float]
) -> None:
    """Of what GB10 of 119.63 GiB and more logged; half a GiB usually, and 1.5 at most, at the least."""
    found = unified_non_torch(GpuGroup("Thor", round(total_gib * GIB)))
    ends = [each / GIB for each in (found.low_bytes, found.bytes, found.high_bytes)]
    assert ends == pytest.approx(others_gib)


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
