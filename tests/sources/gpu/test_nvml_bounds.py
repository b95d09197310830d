"""What no driver can mean, said by a stand-in to the real pynvml: left out, told, never shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from driver_probe import FIRST, SECOND, Probe
from nvml_stand_in import Mood

IMPOSSIBLE: tuple[tuple[dict[str, object], str, tuple[str, ...]], ...] = (
    ({"power0_mw": -1}, "power", ("power_watts",)),
    ({"power0_mw": 900_001}, "power", ("power_watts",)),
    ({"power0_mw": 0}, "power", ("power_watts",)),
    ({"utilization0": -1}, "utilization", ("utilization_ratio",)),
    ({"utilization0": 101}, "utilization", ("utilization_ratio",)),
    ({"energy0_mj": -1}, "energy", ("energy_joules",)),
    ({"used0_mib": -1}, "memory", ("memory_total_bytes", "memory_used_bytes", "memory_free_bytes")),
    ({"used0_mib": 24_209}, "memory", ("memory_total_bytes", "memory_used_bytes", "memory_free_bytes")),
    ({"total0_mib": 1 << 31}, "memory", ("memory_total_bytes", "memory_used_bytes", "memory_free_bytes")),
    ({"processes0": f"self:{25 << 30}"}, "process_memory", ("process_memory_bytes",)),
    ({"processes0": f"self:{20 << 30},self:{20 << 30}"}, "process_memory", ("process_memory_bytes",)),
)


@pytest.mark.parametrize(
    ("odd", "quantity", "absent"), IMPOSSIBLE, ids=[str(odd) for odd, _, _ in IMPOSSIBLE]
)
def test_what_a_driver_cannot_mean_is_left_out_and_told(
    probe: Callable[..., Probe],
    mood: Mood,
    odd: dict[str, object],
    quantity: str,
    absent: tuple[str, ...],
) -> None:
    """Unsigned -1 and whatever no GPU of this limit and memory can be: absent, told with the quantity, and nothing
    else is lost; it comes back with the next figure that can be true."""
    well: dict[str, object] = {"power0_mw": 100_000, "utilization0": 50, "energy0_mj": 5_000_000}
    well |= {"used0_mib": 1000, "total0_mib": 24_564, "processes0": "self:1048576"}
    mood.set(**well)
    meter = probe()
    meter.until_up()
    mood.set(**odd)
    answer = meter.until(lambda answer: f"0 {quantity}" in answer["left_out"])
    answer = meter.until(lambda answer: all(answer["gpus"][0][name] is None for name in absent))
    assert {name for name, value in answer["gpus"][0].items() if value is None} - {"slice"} == set(absent)
    assert answer["up"] is True
    assert set(answer["left_out"]) == {f"0 {quantity}"}
    mood.set(**well)
    meter.until(lambda answer: all(answer["gpus"][0][name] is not None for name in absent))


def test_the_power_bound_follows_the_drivers_limit_and_the_rating(
    probe: Callable[..., Probe], mood: Mood
) -> None:
    """1.5 x the highest limit that may be set, or x the rated power where the driver's limit is none that can be."""
    mood.set(limit0_mw=-1, power0_mw=676_000, limit1_mw=600_000, power1_mw=899_000)
    answer = probe().until_up()
    assert [gpu["power_watts"] for gpu in answer["gpus"]] == [None, 899.0]
    assert answer["left_out"] == {
        "0 power": "676 W is not within 0 to 675 W (1.5 x its rated power of 450 W)"
    }


def test_a_driver_that_answers_for_another_gpu_is_not_read(probe: Callable[..., Probe], mood: Mood) -> None:
    """What GPU 1 draws is never shown or charged as GPU 0's."""
    meter = probe()
    meter.until_up()
    mood.set(answers_for0=1)
    down = meter.until_down()
    assert ([gpu["uuid"] for gpu in down["gpus"]], down["reason"]) == ([SECOND], "wrong_gpu")
    assert down["error"] == f"NVML, GPU 0: {SECOND} answers for {FIRST}"


@pytest.mark.parametrize("name", ["\\xff\\xfe", "X\\x0aY", "\\x1b[31m", ""])
def test_a_name_that_no_gpu_has_is_not_shown(probe: Callable[..., Probe], mood: Mood, name: str) -> None:
    """Bytes that are no text, line breaks, escape sequences, nothing: an unknown GPU, and its figures are read."""
    mood.set(name0=name)
    answer = probe().until_up()
    assert [gpu["name"] for gpu in answer["gpus"]] == ["unknown GPU", "NVIDIA GeForce RTX 4090"]
    assert answer["gpus"][0]["power_watts"] == 100.0
    assert set(answer["left_out"]) == {"0 name"}


def test_a_driver_that_counts_more_gpus_than_a_machine_has_is_asked_for_none(
    probe: Callable[..., Probe], mood: Mood
) -> None:
    """Four billion GPUs are not walked through."""
    mood.set(gpus=-1)
    down = probe().until_down()
    assert down["error"] == "NVML reports 4294967295 GPUs, more than 128"


def test_a_driver_that_counts_more_slices_than_a_gpu_has_is_asked_for_seven(
    probe: Callable[..., Probe], mood: Mood
) -> None:
    """Four billion places of slices are not walked through."""
    mood.set(mig0=2, slices0=-1)
    assert (
        len(probe(1, CUDA_VISIBLE_DEVICES="MIG-1").until_down()["gpus"]) == 0
    )  # a prefix of both names neither
    assert len(probe(1, CUDA_VISIBLE_DEVICES="0").until_up()["gpus"]) == 1


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [("not_loaded", "no_driver"), ("gpu_lost", "gpu_lost"), ("unknown", "driver_error")],
)
def test_a_failing_driver_has_a_reason_in_a_word(
    probe: Callable[..., Probe], mood: Mood, trouble: str, reason: str
) -> None:
    """Of few: a label can hold it."""
    meter = probe()
    meter.until_up()
    mood.set(mode=trouble)
    assert meter.until_down()["reason"] == reason
