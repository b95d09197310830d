"""Which GPUs a server uses, as CUDA reads CUDA_VISIBLE_DEVICES."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.gpu.device import GpuDevice, GpuSlice
from vllm_costmeter.sources.gpu.visible_devices import resolved_device_ids, used_gpus, used_gpus_here

GPUS = tuple(
    GpuDevice(index=index, uuid=f"GPU-{letters}-0000", name="NVIDIA H100 80GB HBM3")
    for index, letters in enumerate(("ab12", "ab99", "cd34", "ef56"))
)
SLICES = (GpuSlice(0, "MIG-1111-aa", 7, 0), GpuSlice(1, "MIG-2222-bb", 8, 0))
SLICED = (GPUS[0], replace(GPUS[1], mig_enabled=True, slices=SLICES))


def labels(visible: str | None, count: int | None = None, devices: tuple[GpuDevice, ...] = GPUS) -> list[str]:
    return [gpu.label for gpu in used_gpus(devices, visible, None, count).gpus]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["0", "1", "2", "3"]),
        ("0", ["0"]),
        ("2,0", ["2", "0"]),
        (" 1 , 3 ", ["1", "3"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("1,-1,2", ["1"]),
        ("1,9,2", ["1"]),
        ("1,x,2", ["1"]),
        ("1gpu,2", ["1", "2"]),
        ("+1", ["1"]),
        ("1,1", []),
        ("GPU-cd34-0000", ["2"]),
        ("GPU-cd", ["2"]),
        ("GPU-ef,GPU-ab12", ["3", "0"]),
        ("GPU-ab", []),
        ("GPU-cd,GPU-zz,GPU-ef", ["2"]),
        ("GPU-cd,0", ["2"]),
        ("GPU-cd,GPU-cd34", []),
    ],
)
def test_gpus_are_chosen_as_cuda_chooses_them(visible: str | None, expected: list[str]) -> None:
    """Indices, UUIDs and their prefixes; an invalid entry ends the list, a repeated one empties it."""
    assert labels(visible) == expected


@pytest.mark.parametrize(
    ("count", "expected"), [(1, ["3"]), (2, ["3", "2"]), (9, ["3", "2"]), (None, ["3", "2"])]
)
def test_the_ranks_take_the_first_visible_gpus(count: int | None, expected: list[str]) -> None:
    """A server of N local ranks uses the first N; the box's other GPUs are not its."""
    assert labels("3,2", count) == expected


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("MIG-2222-bb", ["1/1"]),
        ("MIG-22", ["1/1"]),
        ("MIG-GPU-ab99-0000/7/0", ["1/0"]),
        ("MIG-9999", []),
        ("MIG-1111-aa,MIG-2222-bb", ["1/0"]),
        ("1", ["1/0"]),
        ("0", ["0"]),
        ("0,1", ["1/0"]),
        (None, ["1/0"]),
    ],
)
def test_a_mig_slice_is_seen_alone(visible: str | None, expected: list[str]) -> None:
    """A process sees one slice, by UUID or as the first of its GPU, and beside it no other GPU."""
    assert labels(visible, devices=SLICED) == expected


def test_a_gpu_in_mig_mode_without_slices_is_not_usable() -> None:
    """MIG mode with no instance made leaves CUDA nothing on that GPU."""
    assert labels("0", devices=(replace(GPUS[0], mig_enabled=True),)) == []


def test_unlike_gpus_by_index_are_not_guessed() -> None:
    """CUDA numbers the fastest first, the driver by PCI bus: with unlike GPUs an index names nothing certain."""
    mixed = (replace(GPUS[0], name="NVIDIA T4"), GPUS[1])
    unknown = used_gpus(mixed, "0")
    assert unknown.gpus == ()
    assert unknown.problem is not None
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in unknown.problem
    assert [gpu.label for gpu in used_gpus(mixed, "0", "PCI_BUS_ID").gpus] == ["0"]
    assert [gpu.label for gpu in used_gpus(mixed, "GPU-ab9").gpus] == ["1"]
    assert len(used_gpus(mixed, None).gpus) == 2  # all of them: the order does not matter
    assert used_gpus(mixed, None, None, 1).problem is not None


@pytest.mark.parametrize(
    ("visible", "device_ids", "expected"),
    [
        (None, (2, 3), ["2", "3"]),
        (None, (3, 1), ["3", "1"]),
        ("3,1,0", (1,), ["1"]),
        ("GPU-cd34-0000,GPU-ef56-0000", (3,), ["3"]),
        (None, (9,), []),
        ("0", (1,), []),
    ],
)
def test_device_ids_choose_among_the_visible(
    visible: str | None, device_ids: tuple[int, ...], expected: list[str]
) -> None:
    """`--device-ids` (vLLM since 0.24): the ranks take the first of them, in their order."""
    assert [gpu.label for gpu in used_gpus(GPUS, visible, device_ids=device_ids).gpus] == expected
    first = used_gpus(GPUS, visible, count=1, device_ids=device_ids).gpus
    assert [gpu.label for gpu in first] == expected[:1]


@pytest.mark.parametrize(
    ("visible", "given_ids", "expected"),
    [
        (None, (2, 3), (2, 3)),
        ("3,1,0", (0, 2), (3, 0)),
        ("GPU-cd34-0000,GPU-ab12-0000", (1,), (0,)),
        (None, ("GPU-ef56-0000",), (3,)),
        ("3,1", (5,), ()),
        (None, ("GPU-none",), ()),
    ],
)
def test_device_ids_are_places_among_the_visible_or_uuids(
    visible: str | None, given_ids: tuple[int | str, ...], expected: tuple[int, ...]
) -> None:
    """As vLLM resolves them to the driver's indices."""
    environ = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert resolved_device_ids(GPUS, environ, given_ids) == expected


def test_device_ids_of_unlike_gpus_are_not_guessed_either() -> None:
    """vLLM hands an index to CUDA, also for a UUID; only UUIDs in CUDA_VISIBLE_DEVICES leave no doubt."""
    mixed = (replace(GPUS[0], name="NVIDIA T4"), GPUS[1])
    assert used_gpus(mixed, None, device_ids=(1,)).reason == "gpu_order_unknown"
    assert [gpu.label for gpu in used_gpus(mixed, None, "PCI_BUS_ID", device_ids=(1,)).gpus] == ["1"]
    by_uuid = used_gpus(mixed, "GPU-ab12-0000,GPU-ab99-0000", device_ids=(1,))
    assert [gpu.label for gpu in by_uuid.gpus] == ["1"]


def test_the_environment_decides() -> None:
    """Both variables are read, by the meter and the fit check alike."""
    mixed = (replace(GPUS[0], name="NVIDIA T4"), GPUS[1])
    assert used_gpus_here(mixed, {"CUDA_VISIBLE_DEVICES": "1"}).reason == "gpu_order_unknown"
    in_order = {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert [gpu.label for gpu in used_gpus_here(mixed, in_order).gpus] == ["1"]


@given(st.text(alphabet="0123456789,- GPUMIGabcdef/x+", max_size=30), st.integers(0, 5))
def test_no_text_breaks_the_choice(visible: str, count: int) -> None:
    """Whatever the variable holds, the answer is at most `count` different GPUs of this machine."""
    for devices in (GPUS, SLICED, ()):
        used = used_gpus(devices, visible, None, count).gpus
        assert len({gpu.uuid for gpu in used}) == len(used) <= max(count, 1)
        assert all(gpu.device in devices for gpu in used)


@given(st.permutations(range(4)))
def test_any_order_of_valid_indices_is_kept(order: list[int]) -> None:
    """CUDA's device 0 is the first entry of the list."""
    assert labels(",".join(map(str, order))) == [str(index) for index in order]
