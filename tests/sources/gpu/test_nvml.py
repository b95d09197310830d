"""The real pynvml against a stand-in libnvidia-ml.so.1, in processes of their own: the boundary is what breaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driver_probe import FIRST, SECOND, Probe
from nvml_stand_in import Mood


def energy_is(joules: float) -> Callable[[dict[str, Any]], bool]:
    """Whether the first GPU was read and has drawn this much."""
    return lambda answer: any(gpu["energy_joules"] == pytest.approx(joules) for gpu in answer["gpus"][:1])


def test_a_gpus_whole_reading(probe: Callable[..., Probe], mood: Mood) -> None:
    """Name, memory without the driver's reserve, own processes' memory, watts, ratio: all in base units."""
    mood.set(power0_mw=312_500, utilization0=83, used0_mib=12_000, processes0="1:777,self:1048576,self:2048")
    first, second = probe().until_up()["gpus"]
    assert first == {
        "label": "0",
        "index": 0,
        "uuid": FIRST,
        "name": "NVIDIA GeForce RTX 4090",
        "memory_total_bytes": (24564 - 356) << 20,
        "memory_used_bytes": 12_000 << 20,
        "memory_free_bytes": (24564 - 356 - 12_000) << 20,
        "process_memory_bytes": 1048576 + 2048,
        "power_watts": 312.5,
        "utilization_ratio": 0.83,
        "energy_joules": first["energy_joules"],
        "slice": None,
    }
    assert second["process_memory_bytes"] is None  # no process of ours is listed there: unknown, not 0


def test_energy_is_the_counters_rise(probe: Callable[..., Probe], mood: Mood) -> None:
    """The counter's history before this source is not its energy; a reload that resets it loses nothing."""
    meter = probe()
    meter.until_up()
    mood.set(energy0_mj=5_000_400)
    meter.until(energy_is(0.4))
    mood.set(mode="not_loaded")
    meter.until_down()
    mood.set(mode="ok", energy0_mj=100)
    meter.until(energy_is(0.5))


def test_what_a_gpu_does_not_support_is_none(probe: Callable[..., Probe], mood: Mood) -> None:
    """Each unsupported question is an absent field, and costs none of the others."""
    mood.set(
        unsupported="nvmlDeviceGetTotalEnergyConsumption,nvmlDeviceGetPowerUsage,nvmlDeviceGetUtilizationRates,"
        "nvmlDeviceGetComputeRunningProcesses_v3,nvmlDeviceGetCudaComputeCapability,nvmlDeviceGetMigMode"
    )
    gpu = probe().until_up()["gpus"][0]
    fields = ("energy_joules", "power_watts", "utilization_ratio", "process_memory_bytes")
    assert [gpu[name] for name in fields] == [None] * 4
    assert gpu["memory_used_bytes"] == 1000 << 20


def test_a_gpu_that_answers_nothing_is_down(probe: Callable[..., Probe], mood: Mood) -> None:
    """A reading without any field is no reading."""
    questions = ("MemoryInfo_v2", "MemoryInfo", "PowerUsage", "UtilizationRates", "TotalEnergyConsumption")
    names = ",".join(f"nvmlDeviceGet{each}" for each in (*questions, "ComputeRunningProcesses_v3"))
    mood.set(unsupported=names)
    assert "every query returned an error" in probe().until_down()["error"]


def test_a_gpu_lost_in_mid_reading_has_no_half_reading(probe: Callable[..., Probe], mood: Mood) -> None:
    """What was answered before the loss is not shown as if all were well."""
    meter = probe()
    meter.until_up()
    mood.set(lost_at="nvmlDeviceGetPowerUsage")
    meter.until(lambda answer: not answer["up"] and not answer["gpus"])
    mood.set(lost_at="")
    meter.until_up()


def test_an_old_drivers_memory_is_read_too(probe: Callable[..., Probe], mood: Mood) -> None:
    """Without the second version of the memory call the first is asked."""
    mood.set(unsupported="nvmlDeviceGetMemoryInfo_v2")
    assert probe().until_up()["gpus"][0]["memory_total_bytes"] == 24564 << 20


def test_a_hanging_driver_blocks_nobody_and_its_values_go(probe: Callable[..., Probe], mood: Mood) -> None:
    """While it hangs, answers come at once and soon say so; when it wakes, the values are back."""
    meter = probe()
    meter.until_up()
    mood.set(mode="hang")
    down = meter.until_down()
    assert down["gpus"] == []
    assert "has not answered" in down["error"]
    mood.set(mode="ok")
    assert len(meter.until_up()["gpus"]) == 2


def test_a_driver_that_hangs_from_the_start_is_waited_for(probe: Callable[..., Probe], mood: Mood) -> None:
    """The first answers come at once, with nothing in them."""
    mood.set(mode="hang")
    meter = probe()
    assert meter.latest()["up"] is False
    meter.until(lambda answer: "has not answered" in answer["error"])
    mood.set(mode="ok")
    meter.until_up()


def test_a_close_during_a_hang_returns(probe: Callable[..., Probe], mood: Mood) -> None:
    """The process can stop although the driver holds its thread."""
    meter = probe()
    meter.until_up()
    mood.set(mode="hang")
    meter.latest("close")
    assert meter.process.stdin
    meter.process.stdin.close()
    assert meter.process.wait(timeout=5) == 0


@pytest.mark.parametrize("trouble", ["not_loaded", "gpu_lost", "unknown"])
def test_a_vanished_driver_comes_back(probe: Callable[..., Probe], mood: Mood, trouble: str) -> None:
    """Unloaded, lost or failing: no values and one line of reason, then the same GPUs again."""
    meter = probe()
    before = meter.until_up()
    mood.set(mode=trouble)
    down = meter.until(lambda answer: not answer["up"] and not answer["gpus"] and bool(answer["error"]))
    assert "\n" not in down["error"]
    mood.set(mode="ok")
    after = meter.until_up()
    assert [gpu["uuid"] for gpu in after["gpus"]] == [gpu["uuid"] for gpu in before["gpus"]]


def test_one_lost_gpu_costs_only_its_own_values(probe: Callable[..., Probe], mood: Mood) -> None:
    """The other GPU is still read, its energy goes on, and no neighbour takes the lost one's place."""
    meter = probe()
    meter.until_up()
    mood.set(lost=1)
    down = meter.until_down()
    assert [gpu["uuid"] for gpu in down["gpus"]] == [FIRST]
    mood.set(energy0_mj=5_000_900)
    meter.until(energy_is(0.9))
    mood.set(lost=-1)
    assert len(meter.until_up()["gpus"]) == 2


def test_only_this_servers_gpus_are_read(probe: Callable[..., Probe]) -> None:
    """One rank with CUDA_VISIBLE_DEVICES=1,0 uses GPU 1; a UUID names it as well, and so does `--device-ids`."""
    by_index = probe(1, CUDA_VISIBLE_DEVICES="1,0").until_up()
    by_uuid = probe(1, CUDA_VISIBLE_DEVICES="GPU-2").until_up()
    by_flag = probe(1, device_ids=[1]).until_up()
    assert [[gpu["uuid"] for gpu in each["gpus"]] for each in (by_index, by_uuid, by_flag)] == [[SECOND]] * 3


def test_fewer_gpus_than_a_server_has_ranks_are_said(probe: Callable[..., Probe]) -> None:
    """None visible, or one of three: what there is is read, and the source is down with the reason."""
    none = probe(1, CUDA_VISIBLE_DEVICES="").until_down()
    two = probe(3).until_down()
    assert (none["gpus"], none["reason"]) == ([], "gpu_missing")
    assert none["error"] == "none of this server's 1 GPU found among the driver's 2"
    assert [gpu["label"] for gpu in two["gpus"]] == ["0", "1"]
    assert (two["error"], two["reason"]) == (
        "only 2 of this server's 3 GPUs found among the driver's 2",
        "gpu_missing",
    )


def test_a_gpu_that_was_missing_is_read_when_it_is_there(probe: Callable[..., Probe], mood: Mood) -> None:
    """A GPU that the driver shows late is this server's from then on."""
    mood.set(gpus=1)
    meter = probe(2)
    assert len(meter.until_down()["gpus"]) == 1
    mood.set(gpus=2)
    assert len(meter.until_up()["gpus"]) == 2


def test_a_slice_has_its_own_memory_and_no_share_of_the_gpus_power(
    probe: Callable[..., Probe], mood: Mood
) -> None:
    """A MIG slice says how much of the GPU it is; power, energy and utilisation are the card's and so absent."""
    mood.set(mig0=2, name0="NVIDIA A100-SXM4-80GB", total0_mib=81920, reserved0_mib=0, used0_mib=0)
    (part,) = probe(1, CUDA_VISIBLE_DEVICES="MIG-10000000-0000-0000-0000-000000000001").until_up()["gpus"]
    assert (part["label"], part["name"]) == ("0/1", "NVIDIA A100-SXM4-80GB")
    assert part["memory_total_bytes"] == (81920 << 20) // 7
    assert part["slice"] == {
        "memory_bytes": 81920 // 7 << 20,
        "gpu_memory_bytes": 81920 << 20,
        "compute_slices": 1,
    }
    assert [part[name] for name in ("power_watts", "energy_joules", "utilization_ratio")] == [None] * 3


def test_without_a_library_there_is_a_reason(mood: Mood, tmp_path: Path, probe: Callable[..., Probe]) -> None:
    """A machine with no NVIDIA driver has no GPU metrics, and the source says why."""
    down = probe(LD_LIBRARY_PATH=str(tmp_path)).until_down()
    assert down["error"] == "NVML: NVML Shared Library Not Found"
