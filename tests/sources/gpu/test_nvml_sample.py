"""NVML's numbers in base units, from literals."""

from __future__ import annotations

from vllm_costmeter.core.gpu.reading import GpuSample, ProcessMemory, SliceShare
from vllm_costmeter.sources.gpu.nvml_sample import MEBIBYTE, RawMemory, RawNvml, RawSlice, parse, program


def test_all_that_nvml_tells_comes_out_in_base_units() -> None:
    """Milliwatts, millijoules, percent and MiB become watts, joules, a ratio and bytes."""
    raw = RawNvml(
        memory=RawMemory(total=24564 * MEBIBYTE, reserved=356 * MEBIBYTE, free=20000 * MEBIBYTE),
        processes=((10, 5), (11, None)),
        power_milliwatts=123_456,
        utilization_percent=97,
        energy_millijoules=5_000_001,
    )
    assert parse(raw) == GpuSample(
        memory_total_bytes=24208 * MEBIBYTE,
        memory_used_bytes=4208 * MEBIBYTE,
        memory_free_bytes=20000 * MEBIBYTE,
        processes=(ProcessMemory(10, 5), ProcessMemory(11, None)),
        power_watts=123.456,
        utilization_ratio=0.97,
        energy_counter_joules=5000.001,
    )


def test_what_nvml_cannot_say_stays_none() -> None:
    """No answer is None in every field, never 0."""
    assert RawNvml().silent
    assert parse(RawNvml()) == GpuSample()


def test_an_old_driver_does_not_tell_its_reserve() -> None:
    """Then the total is NVML's own, and used memory still adds up with free."""
    sample = parse(RawNvml(memory=RawMemory(total=100, reserved=None, free=70)))
    assert (sample.memory_total_bytes, sample.memory_used_bytes, sample.memory_free_bytes) == (100, 30, 70)


def test_a_slice_says_how_much_of_its_gpu_it_is() -> None:
    """Its own memory, its card's, and its compute slices."""
    part = RawSlice(memory_mib=9856, compute_slices=1, gpu_memory=RawMemory(100, 1, 50))
    sample = parse(RawNvml(slice=part))
    assert sample.slice == SliceShare(9856 * MEBIBYTE, 100, 1)


def test_a_program_is_a_name_and_nothing_else() -> None:
    """No folder, no arguments, no escape sequences, no endless names; None where nothing is left."""
    assert program("/usr/lib/xorg/Xorg :0") == "Xorg"
    assert program("VLLM::Worker_TP0") == "VLLM::Worker_TP0"
    assert program("\x1b]0;mine\x07") == "]0;mine"
    assert program("x" * 999) == "x" * 40
    assert [program(nothing) for nothing in (None, "", "\x1b ", "/opt/")] == [None] * 4
