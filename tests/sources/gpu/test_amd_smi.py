"""AMD SMI through the real package `amdsmi`, against a stand-in library compiled from C."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import amd_smi_stand_in
import pytest
from nvml_stand_in import Mood

from vllm_costmeter.sources.gpu.amd_smi_sample import MEGABYTE, RawAmdSmi, parse

PROBE = Path(amd_smi_stand_in.__file__).with_name("amd_smi_probe.py")
WRAPPER = amd_smi_stand_in.wrapper_text()
needs_the_package = pytest.mark.skipif(WRAPPER is None, reason="the package amdsmi is not installed")


@pytest.fixture(scope="module")
def rocm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert WRAPPER is not None
    return amd_smi_stand_in.build(tmp_path_factory.mktemp("rocm"), WRAPPER)


@pytest.fixture
def mood(tmp_path: Path) -> Mood:
    return Mood(tmp_path / "mood")


def probed(rocm: Path, mood: Mood) -> dict[str, Any]:
    """What a process of its own reads; nothing but that on its standard output."""
    done = subprocess.run(
        (sys.executable, PROBE),
        env=amd_smi_stand_in.environment(rocm, mood.file),
        check=True,
        capture_output=True,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@needs_the_package
def test_memory_power_energy_utilisation_and_processes_of_every_gpu(rocm: Path, mood: Mood) -> None:
    mood.set(gpus=2, vram_used1_mb=1000, power1_w=640, activity1_percent=97, energy1_ticks=4_000_000)
    mood.set(processes1="123:1048576,124:2097152")
    read = probed(rocm, mood)
    assert [device["name"] for device in read["devices"]] == ["AMD Instinct MI300X"] * 2
    idle, busy = read["samples"]
    assert idle["processes"] == []
    assert busy["memory_used_bytes"] == 1000 * MEGABYTE
    assert busy["memory_total_bytes"] == 196_592 * MEGABYTE
    assert busy["power_watts"] == 640
    assert busy["utilization_ratio"] == 0.97
    assert busy["energy_counter_joules"] == pytest.approx(61.036, abs=1e-3)
    assert [process["pid"] for process in busy["processes"]] == [123, 124]
    assert read["programs"] == [[], ["python3", "python3"]]


@needs_the_package
def test_a_question_the_gpu_does_not_support_is_absent_and_the_others_answer(rocm: Path, mood: Mood) -> None:
    mood.set(gpus=1, unsupported="amdsmi_get_energy_count,amdsmi_get_power_info")
    (sample,) = probed(rocm, mood)["samples"]
    assert sample["energy_counter_joules"] is None
    assert sample["power_watts"] is None
    assert sample["memory_total_bytes"] == 196_592 * MEGABYTE


@needs_the_package
def test_a_driver_that_is_not_loaded_is_one_line(rocm: Path, mood: Mood) -> None:
    mood.set(mode="not_loaded")
    assert "AMD SMI: " in probed(rocm, mood)["error"]


@needs_the_package
def test_a_missing_library_is_one_line_and_prints_nothing_of_its_own(tmp_path: Path, mood: Mood) -> None:
    error = probed(tmp_path, mood)["error"]
    assert error == "AMD SMI: libamd_smi.so is not on this machine (set ROCM_PATH)"


@needs_the_package
def test_a_library_that_lacks_a_function_of_the_package_is_one_line(tmp_path: Path, mood: Mood) -> None:
    assert WRAPPER is not None
    older = amd_smi_stand_in.build(tmp_path, WRAPPER.replace("amdsmi_get_gpu_vram_vendor", "amdsmi_init"))
    assert "does not suit libamd_smi.so" in probed(older, mood)["error"]


def test_a_sensor_that_is_missing_is_absent_and_never_zero() -> None:
    sample = parse(RawAmdSmi(vram_total_mb=10, energy_ticks=5, microjoules_per_tick=0.0))
    assert sample.memory_total_bytes == 10 * MEGABYTE
    assert sample.memory_free_bytes is None
    assert sample.energy_counter_joules is None
    assert sample.power_watts is None
