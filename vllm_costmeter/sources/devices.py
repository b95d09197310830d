"""Which of a machine's GPUs a server uses: what CUDA makes of CUDA_VISIBLE_DEVICES, as a pure function.

Rules from the CUDA programming guide (CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER), from torch 2.13's
`torch.cuda._parse_visible_devices`, which mirrors the driver's parser, and from the MIG user guide (a process sees
one compute instance, and then no other card). Read 2026-11.
"""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.core.gpu_device import GpuDevice, UsedGpu, UsedGpus

PCI_ORDER = "PCI_BUS_ID"


def used_gpus(
    devices: Sequence[GpuDevice],
    cuda_visible_devices: str | None,
    cuda_device_order: str | None = None,
    count: int | None = None,
) -> UsedGpus:
    """The GPUs of a server of `count` local ranks (tensor x pipeline x local data parallel), in CUDA's order.

    `devices` is the driver's list, `count` None means all that are visible. vLLM gives its ranks the first ones.
    CUDA numbers the fastest card 0 unless CUDA_DEVICE_ORDER=PCI_BUS_ID, the driver numbers by PCI bus: with
    unlike cards an index then names an unknown card, and `problem` says so instead of a guess.
    """
    if cuda_visible_devices is None:
        chosen = list(devices)
        by_index = True
    elif cuda_visible_devices.startswith("MIG-"):
        return UsedGpus(tuple(_slices(devices, cuda_visible_devices)[:1]))
    elif cuda_visible_devices.startswith("GPU-"):
        chosen = _by_uuid(devices, cuda_visible_devices)
        by_index = False
    else:
        chosen = _by_index(devices, cuda_visible_devices)
        by_index = True
    wanted = chosen if count is None else chosen[:count]
    if by_index and 0 < len(wanted) < len(devices) and cuda_device_order != PCI_ORDER:
        names = sorted({device.name for device in devices})
        if len(names) > 1:
            return UsedGpus(
                problem=f"unlike cards ({', '.join(names)}): which one CUDA calls {wanted[0].index} is known only "
                "with CUDA_DEVICE_ORDER=PCI_BUS_ID, or with UUIDs in CUDA_VISIBLE_DEVICES"
            )
    return UsedGpus(_as_cuda_enumerates(wanted))


def _as_cuda_enumerates(devices: Sequence[GpuDevice]) -> tuple[UsedGpu, ...]:
    """A card in MIG mode shows its first slice, and beside a slice CUDA shows nothing else."""
    for device in devices:
        if device.mig_enabled and device.slices:
            return (UsedGpu(device, device.slices[0]),)
    return tuple(UsedGpu(device) for device in devices if not device.mig_enabled)


def _by_index(devices: Sequence[GpuDevice], text: str) -> list[GpuDevice]:
    by_index = {device.index: device for device in devices}
    chosen: list[GpuDevice] = []
    for entry in text.split(","):
        device = by_index.get(_leading_number(entry.strip()))
        if device is None:  # an invalid entry hides itself and all behind it
            break
        if device in chosen:  # CUDA refuses a list that repeats a device
            return []
        chosen.append(device)
    return chosen


def _leading_number(entry: str) -> int:
    """As C's strtoul reads it ("1gpu" is 1); -1 where there is no number."""
    digits = entry.removeprefix("+")
    end = next((at for at, letter in enumerate(digits) if letter not in "0123456789"), len(digits))
    return int(digits[:end]) if 0 < end < 10 else -1


def _by_uuid(devices: Sequence[GpuDevice], text: str) -> list[GpuDevice]:
    chosen: list[GpuDevice] = []
    for entry in text.split(","):
        matches = [device for device in devices if device.uuid.startswith(entry)]
        if not entry.startswith("GPU-") or len(matches) != 1:  # unknown or ambiguous: ends the list
            break
        if matches[0] in chosen:
            return []
        chosen.append(matches[0])
    return chosen


def _slices(devices: Sequence[GpuDevice], text: str) -> list[UsedGpu]:
    """Slices by UUID ("MIG-8a1b...") or in the older form "MIG-GPU-<card>/<gpu instance>/<compute instance>"."""
    known = [UsedGpu(device, part) for device in devices for part in device.slices]
    chosen: list[UsedGpu] = []
    for entry in text.split(","):
        matches = [used for used in known if used.uuid.startswith(entry) or _older_name(used) == entry]
        if not entry.startswith("MIG-") or len(matches) != 1:
            break
        if matches[0] in chosen:
            return []
        chosen.append(matches[0])
    return chosen


def _older_name(used: UsedGpu) -> str | None:
    part = used.slice
    if part is None or part.gpu_instance_id is None or part.compute_instance_id is None:
        return None
    return f"MIG-{used.device.uuid}/{part.gpu_instance_id}/{part.compute_instance_id}"
