"""Which of a machine's GPUs this container has, for a source that lists all of them, as dcgm-exporter does.

A driver in a container lists only the container's GPUs. From NVIDIA's container toolkit: NVIDIA_VISIBLE_DEVICES holds
UUIDs (Kubernetes' device plugin) or indices (`docker run --gpus`); `all` or unset hides none; `void`, `none` or empty
means that GPUs were added another way (CDI). Read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vllm_costmeter.core.gpu.device import GpuDevice
from vllm_costmeter.sources.gpu.dcgm_page import ExportedGpu
from vllm_costmeter.sources.gpu.driver import DriverError

CONTAINER, CUDA = "NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"
UNKNOWN = ("void", "none", "")


def container_gpus(gpus: Sequence[ExportedGpu], environ: Mapping[str, str]) -> tuple[GpuDevice, ...]:
    """The container's GPUs, numbered as a driver in it would. DriverError if they cannot be told from the others, or if
    several MIG slices of one are left: their UUIDs, by which CUDA selects one, are not on the page.

    In this order: by the UUIDs in NVIDIA_VISIBLE_DEVICES; by the pod's name, which is its host name, if the exporter
    labels GPUs with pods; by indices in NVIDIA_VISIBLE_DEVICES; all of the machine. UUIDs in CUDA_VISIBLE_DEVICES
    select among all of them later.
    """
    found = _container_gpus(gpus, environ)
    if any(len(gpu.slices) > 1 for gpu in found) and not environ.get(CUDA, "").startswith("MIG-GPU-"):
        raise _ambiguous("several MIG slices of a GPU", "let it label them with pods (--kubernetes)")
    return found


def _container_gpus(gpus: Sequence[ExportedGpu], environ: Mapping[str, str]) -> tuple[GpuDevice, ...]:
    listed = environ.get(CONTAINER)
    entries = [entry.strip() for entry in (listed or "").split(",")]
    pod = environ.get("POD_NAME") or environ.get("HOSTNAME")
    if entries[0].startswith("GPU-"):
        return _numbered([gpu for gpu in gpus if gpu.uuid in entries])
    if pod and (mine := [gpu for gpu in gpus if pod in gpu.pods]):
        return _numbered(mine, pod)
    if environ.get(CUDA, "").startswith(("GPU-", "MIG-GPU-")):
        return _numbered(gpus)
    machine = _of_this_machine(gpus, environ)
    if entries[0].isdecimal():
        return _numbered([gpu for gpu in machine if str(gpu.index) in entries])
    if len(machine) > 1 and (entries[0].startswith("MIG-") or listed in UNKNOWN):
        raise _ambiguous(f"{len(machine)} GPUs")
    return _numbered(machine)


def _of_this_machine(gpus: Sequence[ExportedGpu], environ: Mapping[str, str]) -> Sequence[ExportedGpu]:
    """All, if the page is of one machine, whatever that is called: the exporter often runs in a container."""
    hosts = {gpu.host for gpu in gpus}
    if len(hosts) < 2:
        return gpus
    here = environ.get("NODE_NAME") or environ.get("HOSTNAME")
    if here not in hosts:
        raise _ambiguous(f"the GPUs of {len(hosts)} machines")
    return [gpu for gpu in gpus if gpu.host == here]


def _numbered(gpus: Sequence[ExportedGpu], pod: str | None = None) -> tuple[GpuDevice, ...]:
    return tuple(gpu.device(index, pod) for index, gpu in enumerate(gpus))


def _ambiguous(what: str, remedy: str = f"set {CUDA} to their UUIDs") -> DriverError:
    return DriverError(
        f"dcgm-exporter lists {what}, and which of them this server uses is not known: {remedy}",
        "gpu_order_unknown",
    )
