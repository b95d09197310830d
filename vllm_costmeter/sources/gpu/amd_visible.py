"""The AMD GPUs that a server uses, from ROCR_VISIBLE_DEVICES and HIP_VISIBLE_DEVICES; pure functions.

From AMD's page "GPU isolation techniques" (ROCm 7.14, read 2026-11): the ROCm runtime hides GPUs first, by index or
UUID; HIP_VISIBLE_DEVICES, or CUDA_VISIBLE_DEVICES in its place, then numbers what is left. vLLM refuses two different
values of these two and takes an empty one as unset (vllm/platforms/rocm.py, 0.33).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vllm_costmeter.core.gpu.device import GpuDevice, UsedGpus, VisibleGpu

RUNTIME, HIP, CUDA = "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"


def used_amd_gpus(
    devices: Sequence[GpuDevice],
    environ: Mapping[str, str],
    count: int | None = None,
    device_ids: Sequence[int] | None = None,
) -> UsedGpus:
    """The first `count` visible GPUs, or all. `device_ids`: the driver's indices, as for NVIDIA's."""
    chosen = visible_amd_gpus(devices, environ)
    if device_ids is not None:
        by_index = {device.index: device for device in chosen}
        chosen = [by_index[index] for index in device_ids if index in by_index]
    return UsedGpus(tuple(VisibleGpu(device) for device in chosen[:count]))


def visible_amd_gpus(devices: Sequence[GpuDevice], environ: Mapping[str, str]) -> list[GpuDevice]:
    """What both variables leave, in the order in which HIP numbers it."""
    shown = _listed(devices, environ.get(RUNTIME))
    return _listed(shown, environ.get(HIP) or environ.get(CUDA) or None)


def _listed(devices: Sequence[GpuDevice], text: str | None) -> list[GpuDevice]:
    """Those that the list names by position or UUID. An entry that names none, or one again, hides itself and all
    behind it."""
    if text is None:
        return list(devices)
    found: list[GpuDevice] = []
    for entry in (entry.strip().lower() for entry in text.split(",")):
        named = [
            device
            for place, device in enumerate(devices)
            if entry == str(place) or (entry.startswith("gpu-") and entry == device.uuid.lower())
        ]
        if len(named) != 1 or named[0] in found:
            break
        found.append(named[0])
    return found
