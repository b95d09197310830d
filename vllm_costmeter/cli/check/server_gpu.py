"""The GPUs of a server in a deployment file, from the command line or else from the file."""

from __future__ import annotations

from vllm_costmeter.cli.check.request import CheckRequest
from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.gpu.slices import slice_of
from vllm_costmeter.sources.gpu.target import chosen_gpu
from vllm_costmeter.sources.gpu.text import split_count
from vllm_costmeter.sources.manifests.place import LocatedError, Place
from vllm_costmeter.sources.manifests.server import DeclaredServer

EXAMPLES = {"amd": "MI300X"}
MAKERS = {"amd": "AMD", "nvidia": "NVIDIA", "intel": "Intel"}


def gpu_of_server(server: DeclaredServer, merged: CheckRequest, layout: ParallelConfig) -> GpuGroup:
    """A located error where none is named, and where the file contradicts the flags or the command line."""
    needed, is_spread = layout.world_size, merged.serve.is_spread
    name = merged.gpu
    is_counted = name is not None and split_count(name)[0] != name.strip()
    if server.gpus is not None and needed > server.gpus and not (is_counted or is_spread):
        raise _fault(server, f"{layout.needs()}; {server.gpus_from} gives it {server.gpus}")
    if name is not None:
        _reject_other_maker(server, name)
    if name is None and server.gpu_names:
        name = server.gpu_names[0]
    if server.mig_profile is not None and merged.gpu_memory_gib is None:
        return _slice(server, server.mig_profile, merged, needed)
    if name is None and merged.gpu_memory_gib is None:
        raise server.place.fault(f"{server.name}: {_advice(server)}")
    gpu = chosen_gpu(name, merged.gpu_memory_gib, layout, is_spread=is_spread)
    if is_counted or server.gpus is None:
        return gpu
    return replace(gpu, count=max(server.gpus, needed), is_count_stated=True)


def _slice(server: DeclaredServer, profile: str, merged: CheckRequest, needed: int) -> GpuGroup:
    """CUDA shows a process one slice, however many the container has (NVIDIA MIG User Guide, "CUDA device
    enumeration")."""
    if needed > 1:
        raise _fault(
            server, f"{needed} ranks need a GPU each, and CUDA shows a process one MIG slice ({profile})"
        )
    names = server.gpu_names if merged.gpu is None else (split_count(merged.gpu)[0],)
    return slice_of(profile, names)


def _reject_other_maker(server: DeclaredServer, name: str) -> None:
    maker = find_gpu(split_count(name)[0]).vendor
    if server.gpu_vendor is not None and maker != server.gpu_vendor:
        raise _fault(server, f"the file asks for {server.gpu_vendor}.com/gpu; {name} is {MAKERS[maker]}'s")


def _advice(server: DeclaredServer) -> str:
    if server.gpu_fault is not None and "unknown GPU" in server.gpu_fault:
        return f"{server.gpu_fault}: give its memory with --gpu-memory-gib"
    why = server.gpu_fault or "the file names no GPU (nodeSelector nvidia.com/gpu.product)"
    return f'{why}: add --gpu, as in --gpu "{EXAMPLES.get(server.gpu_vendor or "", "H100 SXM")}"'


def _fault(server: DeclaredServer, message: str) -> LocatedError:
    place = Place(server.place.file, server.gpus_line or server.place.line)
    return place.fault(f"{server.name}: {message}")
