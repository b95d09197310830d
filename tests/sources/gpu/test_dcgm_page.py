"""What dcgm-exporter's page tells about each GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
from exported import gpu_lines, line, read, uuid

from vllm_costmeter.core.gpu.reading import SliceShare

RECORDED = Path(__file__).parents[2] / "data" / "dcgm"
MIB = 1 << 20


def test_every_number_is_in_base_units() -> None:
    """MiB, watts, per cent and millijoules become bytes, watts, a ratio and joules."""
    (gpu,) = read(*gpu_lines(joules=319.5), line("POWER_MGMT_LIMIT", 700))
    sample = gpu.sample()
    assert (gpu.index, gpu.uuid, gpu.name) == (0, uuid(0), "NVIDIA H100 80GB HBM3")
    assert (sample.memory_used_bytes, sample.memory_free_bytes) == (1024 * MIB, 79_983 * MIB)
    assert sample.memory_total_bytes == 81_007 * MIB
    assert (sample.power_watts, sample.power_limit_watts) == (300.0, 700.0)
    assert sample.utilization_ratio == pytest.approx(0.97)
    assert sample.energy_counter_joules == pytest.approx(319.5)
    assert sample.processes is None


def test_a_recorded_page_of_a_t4_is_read() -> None:
    (gpu,) = read(RECORDED.joinpath("t4.txt").read_text())
    assert gpu.name == "Tesla T4"
    assert gpu.sample().memory_total_bytes == 15_109 * MIB
    assert gpu.sample().power_watts == 8.969


def test_a_slice_has_its_own_memory_and_never_its_gpus_power() -> None:
    """A MIG slice's samples carry GPU_I_ID; the GPU's own do not."""
    (gpu,) = read(RECORDED.joinpath("a100_mig.txt").read_text())
    (part,) = gpu.device(0).slices
    assert (part.gpu_instance_id, gpu.device(0).mig_enabled) == (13, True)
    sample = gpu.sample(13)
    assert sample.slice == SliceShare(4864 * MIB, 40_535 * MIB, 1)
    assert (sample.memory_used_bytes, sample.power_watts, sample.energy_counter_joules) == (
        4838 * MIB,
        None,
        None,
    )
    assert gpu.sample().power_watts == 409.692


@pytest.mark.parametrize(
    "blank", [2147483632, 2147483635, 9223372036854775792, 9223372036854775795, 140737488355328.0]
)
def test_a_value_that_means_no_value_is_absent(blank: float) -> None:
    """DCGM writes "not supported" as a huge number, and older exporters publish it."""
    (gpu,) = read(line("POWER_USAGE", 80.5), line("GPU_UTIL", blank), line("TOTAL_ENERGY_CONSUMPTION", blank))
    assert (gpu.sample().utilization_ratio, gpu.sample().energy_counter_joules) == (None, None)
    assert gpu.sample().power_watts == 80.5


def test_the_memory_of_a_gpu_with_only_one_half_told_is_unknown() -> None:
    (gpu,) = read(line("FB_USED", 5))
    assert (gpu.sample().memory_total_bytes, gpu.sample().memory_used_bytes) == (None, 5 * MIB)


def test_a_gpu_that_pods_share_is_one_gpu() -> None:
    """With time-slicing there is a sample for each pod, all with the GPU's own value."""
    (gpu,) = read(*gpu_lines(pod="a", namespace="x"), *gpu_lines(pod="b", namespace="x"))
    assert gpu.pods == {"a", "b"}
    assert gpu.sample().power_watts == 300.0


def test_samples_without_an_identity_are_passed_over() -> None:
    """NVSwitches and links have no GPU's UUID."""
    assert read(line("POWER_USAGE", 1, UUID=""), line("POWER_USAGE", 1, gpu="x")) == ()


def test_gpus_come_in_the_drivers_order_though_samples_do_not() -> None:
    assert [gpu.index for gpu in read(*gpu_lines(10), *gpu_lines(2), *gpu_lines(0))] == [0, 2, 10]
