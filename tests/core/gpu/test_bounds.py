"""Which figures of a driver may be believed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.gpu.bounds import (
    LARGEST_GPU_WATTS,
    QUANTITIES,
    believable,
    believable_capability,
    believable_name,
    power_bound,
)
from vllm_costmeter.core.gpu.reading import GpuSample, ProcessMemory, SliceShare
from vllm_costmeter.core.memory.byte_range import GIB

BOUND = power_bound(600.0, 450.0)
WELL = GpuSample(
    memory_total_bytes=24 * GIB,
    memory_used_bytes=20 * GIB,
    memory_free_bytes=4 * GIB,
    processes=(ProcessMemory(10, 19 * GIB), ProcessMemory(11, None)),
    power_watts=312.5,
    power_limit_watts=600.0,
    utilization_ratio=1.0,
    energy_counter_joules=5e9,
    slice=SliceShare(10 * GIB, 80 * GIB, 1),
)
NOT_AVAILABLE = 2**64 - 1


def test_a_sample_that_can_be_true_is_left_as_it_is() -> None:
    """Full load, a full GPU, a counter of years: nothing is missing and nothing is told."""
    assert believable(WELL, BOUND) == (WELL, ())
    assert believable(GpuSample(), BOUND) == (GpuSample(), ())


@pytest.mark.parametrize("watts", [0.0, -1.0, 900.1, 4_294_967.295, math.nan, math.inf])
def test_power_is_above_nothing_and_within_the_limit(watts: float) -> None:
    """No GPU that answers draws nothing; none draws half as much again as it may."""
    sample, left_out = believable(replace(WELL, power_watts=watts), BOUND)
    assert sample == replace(WELL, power_watts=None)
    assert [what.quantity for what in left_out] == ["power"]
    assert "0 to 900 W (1.5 x the driver's limit of 600 W)" in left_out[0].why


@pytest.mark.parametrize("ratio", [-0.01, 1.01, 42_949_672.95, math.nan])
def test_utilisation_is_a_share(ratio: float) -> None:
    """Between none and all of the time."""
    sample, left_out = believable(replace(WELL, utilization_ratio=ratio), BOUND)
    assert sample == replace(WELL, utilization_ratio=None)
    assert [what.quantity for what in left_out] == ["utilization"]


@pytest.mark.parametrize("joules", [-1.0, NOT_AVAILABLE / 1000, math.nan, math.inf])
def test_an_energy_counter_is_no_more_than_years_of_the_largest_gpu(joules: float) -> None:
    """NVML's unsigned -1 is six thousand times as much."""
    sample, left_out = believable(replace(WELL, energy_counter_joules=joules), BOUND)
    assert sample == replace(WELL, energy_counter_joules=None)
    assert [what.quantity for what in left_out] == ["energy"]


@pytest.mark.parametrize(
    ("total", "used", "free"),
    [
        (24 * GIB, -1, 24 * GIB + 1),
        (24 * GIB, 25 * GIB, -GIB),
        (24 * GIB, 4 * GIB, 25 * GIB),
        (0, 0, 0),
        (-GIB, -GIB, 0),
        (1000, 500, 500),
        (NOT_AVAILABLE, NOT_AVAILABLE, 0),
        (1 << 51, 1 << 50, 1 << 50),
    ],
)
def test_memory_that_does_not_add_up_is_not_known(total: int, used: int, free: int) -> None:
    """Which of the three is wrong cannot be told."""
    odd = replace(WELL, memory_total_bytes=total, memory_used_bytes=used, memory_free_bytes=free)
    sample, left_out = believable(odd, BOUND)
    assert (sample.memory_total_bytes, sample.memory_used_bytes, sample.memory_free_bytes) == (None,) * 3
    assert [what.quantity for what in left_out] == ["memory"]


def test_memory_without_a_total_is_bounded_too() -> None:
    """By more than any GPU has."""
    odd = GpuSample(memory_used_bytes=NOT_AVAILABLE)
    sample, left_out = believable(odd, BOUND)
    assert (sample, left_out[0].quantity) == (GpuSample(), "memory")
    assert believable(GpuSample(memory_used_bytes=GIB), BOUND) == (GpuSample(memory_used_bytes=GIB), ())


def test_a_process_holds_no_more_than_its_gpu_has() -> None:
    """Its memory is unknown then, that of the others is not."""
    odd = replace(WELL, processes=(ProcessMemory(10, 24 * GIB + 1), ProcessMemory(11, 24 * GIB)))
    sample, left_out = believable(odd, BOUND)
    assert sample.processes == (ProcessMemory(10, None), ProcessMemory(11, 24 * GIB))
    assert [what.quantity for what in left_out] == ["process_memory"]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (SliceShare(81 * GIB, 80 * GIB, 1), SliceShare(None, None, 1)),
        (SliceShare(0, 80 * GIB, 1), SliceShare(None, None, 1)),
        (SliceShare(NOT_AVAILABLE, 80 * GIB, 1), SliceShare(None, None, 1)),
        (SliceShare(10 * GIB, NOT_AVAILABLE, 1), SliceShare(None, None, 1)),
        (SliceShare(10 * GIB, 80 * GIB, 8), SliceShare(10 * GIB, 80 * GIB, None)),
        (SliceShare(10 * GIB, 80 * GIB, 0), SliceShare(10 * GIB, 80 * GIB, None)),
    ],
)
def test_a_slice_is_a_part_of_its_gpu(part: SliceShare, expected: SliceShare) -> None:
    """What says otherwise sets no price."""
    sample, left_out = believable(replace(WELL, slice=part), BOUND)
    assert sample.slice == expected
    assert [what.quantity for what in left_out] == ["slice"]


@pytest.mark.parametrize(
    ("limit", "rated", "watts", "basis"),
    [
        (600.0, 450.0, 900.0, "1.5 x the driver's limit of 600 W"),
        (100.0, 450.0, 675.0, "1.5 x its rated power of 450 W"),
        (None, 450.0, 675.0, "1.5 x its rated power of 450 W"),
        (4_294_967.295, 450.0, 675.0, "1.5 x its rated power of 450 W"),
        (0.0, 450.0, 675.0, "1.5 x its rated power of 450 W"),
        (math.nan, 450.0, 675.0, "1.5 x its rated power of 450 W"),
        (300.0, None, 450.0, "1.5 x the driver's limit of 300 W"),
        (None, None, LARGEST_GPU_WATTS, "no GPU draws more"),
        (-1.0, None, LARGEST_GPU_WATTS, "no GPU draws more"),
    ],
)
def test_a_bound_on_power_says_what_it_stands_on(
    limit: float | None, rated: float | None, watts: float, basis: str
) -> None:
    """The driver's limit or the rated power, whichever is higher; a limit that cannot be is none."""
    bound = power_bound(limit, rated)
    assert (bound.watts, bound.basis) == (watts, basis)


@pytest.mark.parametrize("name", ["NVIDIA H100 80GB HBM3", "NVIDIA RTX PRO 6000 Blackwell (96GB)", "X" * 96])
def test_a_name_is_kept(name: str) -> None:
    """As the driver gives it."""
    assert believable_name(name) == name


@pytest.mark.parametrize("name", [None, "", "X" * 97, "X\nY", "\x1b[31mX", "RTX \u2122", "\udcff"])
def test_what_no_gpu_is_called_is_no_name(name: str | None) -> None:
    """Empty, longer than NVML's own buffer, or not printable ASCII."""
    assert believable_name(name) is None


@pytest.mark.parametrize(
    ("told", "believed"),
    [
        ((8, 9), (8, 9)),
        ((12, 1), (12, 1)),
        ((-1, 0), None),
        ((8, -1), None),
        ((2**31, 0), None),
        (None, None),
    ],
)
def test_a_compute_capability_is_a_version(
    told: tuple[int, int] | None, believed: tuple[int, int] | None
) -> None:
    """Kernels are chosen by it."""
    assert believable_capability(told) == believed


FIGURES = st.one_of(st.none(), st.floats(), st.floats(0, 2000))
BYTES = st.one_of(st.none(), st.integers(-1, 2**64), st.integers(0, 100 * GIB))


@given(
    st.builds(
        GpuSample,
        memory_total_bytes=BYTES,
        memory_used_bytes=BYTES,
        memory_free_bytes=BYTES,
        processes=st.one_of(st.none(), st.tuples(st.builds(ProcessMemory, st.integers(), BYTES))),
        power_watts=FIGURES,
        power_limit_watts=FIGURES,
        utilization_ratio=FIGURES,
        energy_counter_joules=FIGURES,
        slice=st.one_of(st.none(), st.builds(SliceShare, BYTES, BYTES, st.one_of(st.none(), st.integers()))),
    ),
    FIGURES,
)
def test_whatever_a_driver_says_what_is_believed_is_possible(told: GpuSample, rated: float | None) -> None:
    """No figure outside its bounds comes through, and none is lost without a word."""
    bound = power_bound(told.power_limit_watts, rated)
    sample, left_out = believable(told, bound)
    assert 0 < bound.watts <= 1.5 * LARGEST_GPU_WATTS
    assert sample.power_watts is None or 0 < sample.power_watts <= bound.watts
    assert sample.utilization_ratio is None or 0 <= sample.utilization_ratio <= 1
    assert sample.energy_counter_joules is None or 0 <= sample.energy_counter_joules < math.inf
    if sample.memory_total_bytes is not None:
        assert 0 <= (sample.memory_used_bytes or 0) <= sample.memory_total_bytes
        assert 0 <= (sample.memory_free_bytes or 0) <= sample.memory_total_bytes
    assert left_out or sample == told
    assert {what.quantity for what in left_out} <= set(QUANTITIES)
    assert believable(sample, bound) == (sample, ())
