"""AMD SMI through the real package `amdsmi`, against a stand-in library compiled from C."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import amd_smi_stand_in
import pytest
from c_compiler import compile_library
from driver_probe import Probe
from local_gpu_answers import local
from nvml_stand_in import Mood

from vllm_costmeter.sources.catalogue.load import gpu_for_nvml_name
from vllm_costmeter.sources.gpu.amd_smi_library import package
from vllm_costmeter.sources.gpu.amd_smi_sample import MEGABYTE, RawAmdSmi, parse
from vllm_costmeter.sources.gpu.driver import DriverError

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
def test_a_library_without_the_package_says_what_to_install(tmp_path: Path) -> None:
    """A server on AMD GPUs whose Python lacks the package is told so, not that there is no driver."""
    folder = tmp_path / "lib"
    folder.mkdir()
    compile_library(folder / "libamd_smi.so", amd_smi_stand_in.SOURCE)
    with pytest.raises(DriverError, match="its package is not: install amdsmi") as raised:
        package({"ROCM_PATH": str(tmp_path)}, find=lambda name: None)
    assert raised.value.reason == "driver_mismatch"


@needs_the_package
def test_a_library_that_lacks_a_function_of_the_package_is_one_line(tmp_path: Path, mood: Mood) -> None:
    assert WRAPPER is not None
    older = amd_smi_stand_in.build(tmp_path, WRAPPER.replace("amdsmi_get_gpu_vram_vendor", "amdsmi_init"))
    assert "does not suit libamd_smi.so" in probed(older, mood)["error"]


def metered(rocm: Path, mood: Mood, count: int = 0, **variables: str) -> Probe:
    """A process that meters these GPUs."""
    loading = amd_smi_stand_in.environment
    return Probe(rocm, mood, count, loading=loading, GPU_PROBE_SOURCE="amdsmi", **variables)


@needs_the_package
def test_a_server_meters_its_own_gpus_energy(rocm: Path, mood: Mood) -> None:
    """Only the first GPUs that the variables leave, and joules since the meter started."""
    mood.set(gpus=3, energy2_ticks=10_000_000)
    probe = metered(rocm, mood, count=1, ROCR_VISIBLE_DEVICES="2,0")
    assert [gpu["label"] for gpu in probe.until_up()["gpus"]] == ["2"]
    mood.set(energy2_ticks=10_100_000)
    read = probe.until(lambda answer: answer["gpus"][0]["energy_joules"] > 0)
    assert read["source"] == "amdsmi"
    assert read["gpus"][0]["energy_joules"] == pytest.approx(1.5259, abs=1e-3)
    probe.process.kill()


@needs_the_package
def test_an_energy_counter_that_jumps_or_restarts_is_never_charged_as_energy(rocm: Path, mood: Mood) -> None:
    """A leap of a day's energy is discarded and reported; a reset counts from there."""
    mood.set(gpus=1, energy0_ticks=10_000_000_000)
    probe = metered(rocm, mood)
    probe.until_up()
    mood.set(energy0_ticks=10_000_000_000_000)
    probe.until(lambda answer: "0 energy" in answer["left_out"])
    mood.set(energy0_ticks=0)
    probe.until(lambda answer: answer["gpus"][0]["energy_joules"] is not None)
    mood.set(energy0_ticks=65_536)
    read = probe.until(lambda answer: (answer["gpus"][0]["energy_joules"] or 0) > 0)
    assert read["gpus"][0]["energy_joules"] < 10
    probe.process.kill()


@needs_the_package
def test_an_impossible_reading_is_discarded_and_never_shown_as_full(rocm: Path, mood: Mood) -> None:
    """As with NVML's."""
    mood.set(gpus=1, activity0_percent=4_000_000, power0_w=60_000)
    probe = metered(rocm, mood)
    (gpu,) = probe.until_up()["gpus"]
    assert (gpu["utilization_ratio"], gpu["power_watts"]) == (None, None)
    assert {"0 utilization", "0 power"} <= probe.latest()["left_out"].keys()
    probe.process.kill()


@needs_the_package
def test_a_driver_that_hangs_costs_only_its_own_readings(rocm: Path, mood: Mood) -> None:
    """`Probe.latest` asserts that each answer comes at once."""
    probe = metered(rocm, mood)
    probe.until_up()
    mood.set(mode="hang")
    assert probe.until(lambda answer: not answer["up"])["reason"] == "no_answer"
    mood.set(mode="ok")
    probe.until_up()
    probe.process.kill()


@needs_the_package
def test_a_connection_that_another_user_of_the_library_closed_is_opened_again(rocm: Path, mood: Mood) -> None:
    """vLLM disconnects after each of its own questions."""
    mood.set(energy0_ticks=10_000_000)
    probe = metered(rocm, mood)
    probe.until_up()
    mood.set(mode="not_init")
    assert probe.until_down()["reason"] == "gpu_lost"
    mood.set(mode="ok")
    assert len(probe.until_up()["gpus"]) == 2
    probe.process.kill()


@needs_the_package
def test_the_partitions_of_a_gpu_are_counted_once(rocm: Path, mood: Mood) -> None:
    """They share its power and energy, which only the first tells."""
    mood.set(gpus=4, partitions=2)
    read = probed(rocm, mood)
    assert len({device["uuid"] for device in read["devices"]}) == 4
    assert [sample["power_watts"] for sample in read["samples"]] == [132.0, None, 132.0, None]
    assert [sample["memory_total_bytes"] for sample in read["samples"]] == [196_592 * MEGABYTE] * 4


@needs_the_package
def test_gpus_are_numbered_as_hip_numbers_them(rocm: Path, mood: Mood) -> None:
    mood.set(gpus=2, hip_id0=1, hip_id1=0, name1="AMD Instinct MI325X")
    devices = probed(rocm, mood)["devices"]
    assert [(device["index"], device["name"]) for device in devices] == [
        (0, "AMD Instinct MI325X"),
        (1, "AMD Instinct MI300X"),
    ]
    assert devices[1]["uuid"] == "GPU-60ff74a1d3d10b1c"


@needs_the_package
def test_a_check_without_a_gpu_finds_amds(rocm: Path, mood: Mood) -> None:
    """The same answer as NVML's, with its own source."""
    mood.set(gpus=4, vram_used1_mb=6592, processes1="123:1048576")
    shown = {"HIP_VISIBLE_DEVICES": "1,2"}
    (gpu,) = local(rocm, mood, ranks=1, loading=amd_smi_stand_in.environment, **shown)["found"]
    assert (gpu["name"], gpu["source"], gpu["count"]) == ("AMD Instinct MI300X", "amdsmi", 2)
    assert (gpu["memory_bytes"], gpu["free_bytes"]) == (196_592 << 20, 190_000 << 20)
    assert gpu["processes"] == [{"pid": 123, "name": "python3", "memory_bytes": 1048576, "gpu": "1"}]


@needs_the_package
def test_a_check_whose_variables_hide_every_gpu_names_them(rocm: Path, mood: Mood) -> None:
    found = local(rocm, mood, loading=amd_smi_stand_in.environment, ROCR_VISIBLE_DEVICES="")["found"]
    assert "ROCR_VISIBLE_DEVICES and HIP_VISIBLE_DEVICES leave none of 2 found" in found


@needs_the_package
def test_the_memory_of_a_gpu_that_shares_the_hosts_is_asked_for(rocm: Path, mood: Mood) -> None:
    """AMD SMI reports the BIOS's share, HIP more: a verdict on the former would be wrong."""
    mood.set(gpus=1, name0="AMD Radeon 8060S Graphics", vram_total0_mb=512)
    found = local(rocm, mood, loading=amd_smi_stand_in.environment)["found"]
    assert "AMD SMI does not report how much memory HIP has on AMD Radeon 8060S Graphics" in found
    assert "--gpu-memory-gib" in found


def test_an_amd_gpu_is_priced_from_the_catalogue() -> None:
    gpu = gpu_for_nvml_name("AMD Instinct MI300X", 196_592 << 20)
    assert gpu is not None
    assert gpu.name == "MI300X"


def test_a_sensor_that_is_missing_is_absent_and_never_zero() -> None:
    sample = parse(RawAmdSmi(vram_total_mb=10, energy_ticks=5, microjoules_per_tick=0.0))
    assert sample.memory_total_bytes == 10 * MEGABYTE
    assert sample.memory_free_bytes is None
    assert sample.energy_counter_joules is None
    assert sample.power_watts is None
