"""Which AMD GPUs a process sees."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.gpu.device import GpuDevice
from vllm_costmeter.sources.gpu.visible_devices import resolved_device_ids, used_gpus_here

FOUR = tuple(GpuDevice(index, f"GPU-{index:016x}", "AMD Instinct MI300X", maker="amd") for index in range(4))


@pytest.mark.parametrize(
    ("environ", "gpus"),
    [
        ({}, [0, 1, 2, 3]),
        ({"ROCR_VISIBLE_DEVICES": "3,1"}, [3, 1]),
        ({"ROCR_VISIBLE_DEVICES": "GPU-0000000000000002,0"}, [2, 0]),
        ({"ROCR_VISIBLE_DEVICES": "gpu-0000000000000002"}, [2]),
        ({"ROCR_VISIBLE_DEVICES": ""}, []),
        ({"ROCR_VISIBLE_DEVICES": "1,9,2"}, [1]),
        ({"ROCR_VISIBLE_DEVICES": "1,1,2"}, [1]),
        ({"HIP_VISIBLE_DEVICES": "2"}, [2]),
        ({"HIP_VISIBLE_DEVICES": ""}, [0, 1, 2, 3]),
        ({"HIP_VISIBLE_DEVICES": "-1"}, []),
        ({"CUDA_VISIBLE_DEVICES": "1,0"}, [1, 0]),
        ({"ROCR_VISIBLE_DEVICES": "3,1", "HIP_VISIBLE_DEVICES": "1"}, [1]),
        ({"ROCR_VISIBLE_DEVICES": "3,1", "CUDA_VISIBLE_DEVICES": "0"}, [3]),
        ({"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, [0, 1, 2, 3]),
    ],
)
def test_the_runtime_hides_gpus_first_and_hip_numbers_the_rest(
    environ: dict[str, str], gpus: list[int]
) -> None:
    assert [gpu.device.index for gpu in used_gpus_here(FOUR, environ).gpus] == gpus


def test_a_server_has_the_first_of_them_for_its_ranks() -> None:
    used = used_gpus_here(FOUR, {"ROCR_VISIBLE_DEVICES": "3,1,2"}, 2)
    assert [gpu.device.index for gpu in used.gpus] == [3, 1]


def test_device_ids_are_positions_among_them() -> None:
    """As `--device-ids` gives them, and as vLLM resolves them to the driver's."""
    assert resolved_device_ids(FOUR, {"ROCR_VISIBLE_DEVICES": "3,1"}, [1, "GPU-0000000000000003"]) == (1, 3)
    used = used_gpus_here(FOUR, {"ROCR_VISIBLE_DEVICES": "3,1"}, None, (1,))
    assert [gpu.device.index for gpu in used.gpus] == [1]
