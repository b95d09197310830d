"""Which of the exporter's GPUs are this container's: a wrong GPU's energy is worse than none."""

from __future__ import annotations

import pytest
from exported import gpu_lines, read, uuid

from vllm_costmeter.sources.gpu.container_gpus import container_gpus
from vllm_costmeter.sources.gpu.driver import DriverError
from vllm_costmeter.sources.gpu.server_gpus import gpus_of_server

FOUR = read(*(text for gpu in range(4) for text in gpu_lines(gpu)))


def served(environ: dict[str, str], count: int | None = None) -> list[str]:
    """The UUIDs of the GPUs of a server in that environment."""
    used = gpus_of_server(container_gpus(FOUR, environ), environ, count)
    assert used.problem is None, used.problem
    return [gpu.uuid for gpu in used.gpus]


@pytest.mark.parametrize(
    ("environ", "gpus"),
    [
        ({}, [0, 1, 2, 3]),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, [0, 1, 2, 3]),
        ({"CUDA_VISIBLE_DEVICES": "2,1"}, [2, 1]),
        ({"CUDA_VISIBLE_DEVICES": uuid(3)[:12]}, [3]),
        ({"NVIDIA_VISIBLE_DEVICES": "1,3"}, [1, 3]),
        ({"NVIDIA_VISIBLE_DEVICES": f"{uuid(3)},{uuid(1)}"}, [1, 3]),
        ({"NVIDIA_VISIBLE_DEVICES": f"{uuid(3)},{uuid(1)}", "CUDA_VISIBLE_DEVICES": "1"}, [3]),
        ({"NVIDIA_VISIBLE_DEVICES": "void", "CUDA_VISIBLE_DEVICES": uuid(2)}, [2]),
    ],
)
def test_the_gpus_are_those_that_the_container_and_cuda_leave(
    environ: dict[str, str], gpus: list[int]
) -> None:
    """A container's GPUs are numbered from 0 in it, whichever they are on the machine."""
    assert served(environ) == [uuid(gpu) for gpu in gpus]


@pytest.mark.parametrize("hidden", ["void", "none", "", "MIG-8a1b"])
def test_gpus_that_cannot_be_told_apart_are_not_guessed(hidden: str) -> None:
    """Added to the container another way, they could be any of the machine's."""
    with pytest.raises(DriverError, match=r"lists 4 GPUs.*set CUDA_VISIBLE_DEVICES to their UUIDs") as raised:
        container_gpus(FOUR, {"NVIDIA_VISIBLE_DEVICES": hidden})
    assert raised.value.reason == "gpu_order_unknown"


def test_the_only_gpu_of_the_machine_is_the_servers() -> None:
    assert len(container_gpus(read(*gpu_lines(0)), {"NVIDIA_VISIBLE_DEVICES": "void"})) == 1


def test_a_pod_has_the_gpus_that_the_exporter_labels_with_its_name() -> None:
    page = read(*gpu_lines(0, pod="other"), *gpu_lines(1, pod="vllm-0"), *gpu_lines(2, pod="vllm-0"))
    found = container_gpus(page, {"NVIDIA_VISIBLE_DEVICES": "void", "HOSTNAME": "vllm-0"})
    assert [(gpu.index, gpu.uuid) for gpu in found] == [(0, uuid(1)), (1, uuid(2))]


def test_a_pod_has_the_slice_that_is_labelled_with_its_name() -> None:
    page = read(
        *gpu_lines(0, GPU_I_ID="7", GPU_I_PROFILE="1g.10gb", pod="other"),
        *gpu_lines(0, GPU_I_ID="9", GPU_I_PROFILE="1g.10gb", pod="vllm-0"),
    )
    (gpu,) = container_gpus(page, {"HOSTNAME": "vllm-0"})
    assert [part.gpu_instance_id for part in gpu.slices] == [9]


def test_one_of_several_slices_is_not_guessed() -> None:
    """CUDA shows a process the first, in an order that the page does not have."""
    page = read(*(text for part in "79" for text in gpu_lines(0, GPU_I_ID=part, GPU_I_PROFILE="1g.10gb")))
    with pytest.raises(DriverError, match="several MIG slices of a GPU"):
        container_gpus(page, {})
    environ = {"CUDA_VISIBLE_DEVICES": f"MIG-{uuid(0)}/9/0"}
    (used,) = gpus_of_server(container_gpus(page, environ), environ, 1).gpus
    assert used.slice is not None
    assert used.slice.gpu_instance_id == 9


def test_a_page_of_several_machines_is_used_only_where_this_one_is_named() -> None:
    page = read(*gpu_lines(0), *gpu_lines(5, Hostname="node-b"))
    assert [gpu.uuid for gpu in container_gpus(page, {"HOSTNAME": "node-b"})] == [uuid(5)]
    with pytest.raises(DriverError, match="GPUs of 2 machines"):
        container_gpus(page, {"HOSTNAME": "elsewhere"})
