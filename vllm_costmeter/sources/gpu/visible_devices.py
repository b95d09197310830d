"""The GPUs of a machine that a server uses: CUDA's interpretation of CUDA_VISIBLE_DEVICES and vLLM's of `--device-ids`.
Shared by the meter and the fit check; pure functions.

From the CUDA programming guide (CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER), from torch 2.13's
`torch.cuda._parse_visible_devices`, which mirrors the driver's parser, from the MIG user guide (a process sees one
compute instance, and then no other GPU), and from vLLM 0.24 to 0.33 (`EngineArgs._resolve_device_ids`,
`Platform.logical_device_id_to_visible_device_id`). Read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vllm_costmeter.core.gpu.device import GpuDevice, UsedGpus, VisibleGpu

PCI_ORDER = "PCI_BUS_ID"
VISIBLE, ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"


def used_gpus_here(
    devices: Sequence[GpuDevice],
    environ: Mapping[str, str],
    count: int | None = None,
    device_ids: Sequence[int] | None = None,
) -> UsedGpus:
    """`used_gpus` for this environment, or the same by AMD's rules."""
    if devices and devices[0].maker == "amd":
        from vllm_costmeter.sources.gpu.amd_visible import used_amd_gpus

        return used_amd_gpus(devices, environ, count, device_ids)
    return used_gpus(devices, environ.get(VISIBLE), environ.get(ORDER), count, device_ids)


def used_gpus(
    devices: Sequence[GpuDevice],
    cuda_visible_devices: str | None,
    cuda_device_order: str | None = None,
    count: int | None = None,
    device_ids: Sequence[int] | None = None,
) -> UsedGpus:
    """The GPUs of a server of `count` local ranks (tensor x pipeline x local data parallel), in CUDA's order.

    `devices` is the driver's list; `count` None means all visible ones. vLLM assigns its ranks the first ones, or the
    first of `device_ids`, which are the driver's indices (`resolved_device_ids`). CUDA numbers the fastest GPU 0
    unless CUDA_DEVICE_ORDER=PCI_BUS_ID; the driver numbers by PCI bus. With different GPU models an index is then
    ambiguous, and `problem` reports it instead of guessing. The same applies to an index of `--device-ids`, which vLLM
    passes to CUDA even if a UUID was given.
    """
    if cuda_visible_devices is not None and cuda_visible_devices.startswith("MIG-"):
        return UsedGpus(tuple(_slices(devices, cuda_visible_devices)[:1]))
    chosen = _visible(devices, cuda_visible_devices)
    if device_ids is not None:
        by_index = {device.index: device for device in chosen}
        chosen = [by_index[index] for index in device_ids if index in by_index]
    wanted = chosen if count is None else chosen[:count]
    is_by_uuid = cuda_visible_devices is not None and cuda_visible_devices.startswith("GPU-")
    if not is_by_uuid and 0 < len(wanted) < len(devices) and cuda_device_order != PCI_ORDER:
        names = sorted({device.name for device in devices})
        if len(names) > 1:
            return UsedGpus(
                problem=f"different GPU models ({', '.join(names)}): which one CUDA numbers {wanted[0].index} is "
                f"known only with {ORDER}={PCI_ORDER}, or with UUIDs in {VISIBLE}",
                reason="gpu_order_unknown",
            )
    return UsedGpus(_as_cuda_enumerates(wanted))


def resolved_device_ids(
    devices: Sequence[GpuDevice], environ: Mapping[str, str], given: Sequence[int | str]
) -> tuple[int, ...]:
    """The driver's indices for `--device-ids`: by UUID, or by position among the visible GPUs. Invalid ones are
    omitted: vLLM refuses them itself."""
    if devices and devices[0].maker == "amd":
        from vllm_costmeter.sources.gpu.amd_visible import visible_amd_gpus

        visible = visible_amd_gpus(devices, environ)
    else:
        visible = _visible(devices, environ.get(VISIBLE))
    by_uuid = {device.uuid: device.index for device in devices}
    places = {place: device.index for place, device in enumerate(visible)}
    found = (places.get(each) if isinstance(each, int) else by_uuid.get(each) for each in given)
    return tuple(index for index in found if index is not None)


def _visible(devices: Sequence[GpuDevice], text: str | None) -> list[GpuDevice]:
    if text is None:
        return list(devices)
    return _by_uuid(devices, text) if text.startswith("GPU-") else _by_index(devices, text)


def _as_cuda_enumerates(devices: Sequence[GpuDevice]) -> tuple[VisibleGpu, ...]:
    """A GPU in MIG mode exposes its first slice, and CUDA exposes nothing besides a slice."""
    for device in devices:
        if device.mig_enabled and device.slices:
            return (VisibleGpu(device, device.slices[0]),)
    return tuple(VisibleGpu(device) for device in devices if not device.mig_enabled)


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
    """As C's strtoul parses it ("1gpu" is 1); -1 if there is no number."""
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


def _slices(devices: Sequence[GpuDevice], text: str) -> list[VisibleGpu]:
    """Slices by UUID ("MIG-8a1b...") or in the older form "MIG-GPU-<GPU>/<gpu instance>/<compute instance>"."""
    known = [VisibleGpu(device, part) for device in devices for part in device.slices]
    chosen: list[VisibleGpu] = []
    for entry in text.split(","):
        matches = [used for used in known if used.uuid.startswith(entry) or _older_name(used) == entry]
        if not entry.startswith("MIG-") or len(matches) != 1:
            break
        if matches[0] in chosen:
            return []
        chosen.append(matches[0])
    return chosen


def _older_name(used: VisibleGpu) -> str | None:
    part = used.slice
    if part is None or part.gpu_instance_id is None or part.compute_instance_id is None:
        return None
    return f"MIG-{used.device.uuid}/{part.gpu_instance_id}/{part.compute_instance_id}"
