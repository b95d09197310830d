"""Servers of one machine that take the same GPUs: each later one finds what the earlier ones left.

vLLM stops at start where less than `--gpu-memory-utilization` of a GPU is free ("Free memory on device ... is less
than desired GPU memory utilization", vllm/v1/worker/gpu_worker.py).
"""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.sources.manifests.server import DeclaredServer

Device = tuple[str, str]
"""A machine and one of its GPUs."""


@dataclass(slots=True)
class Neighbours:
    """Memory that the servers checked so far hold on the GPUs of each machine, in the order of their start."""

    _held: dict[Device, list[tuple[str, int]]] = field(default_factory=dict)

    def beside(self, server: DeclaredServer, gpu: GpuGroup, ranks: int) -> tuple[GpuGroup, tuple[str, ...]]:
        """The GPUs as the server finds them, and a note on who else is there."""
        if gpu.free_bytes is not None:
            return gpu, ()
        each = [(device, self._held.get(device, [])) for device in _devices(server, ranks)]
        device, holders = max(each, key=lambda pair: sum(held for _, held in pair[1]), default=(("", ""), []))
        if not holders:
            return gpu, ()
        held = sum(amount for _, amount in holders)
        who = ", ".join(f"{name} ({amount / GIB:.2f} GiB)" for name, amount in holders)
        note = f"takes GPU {device[1]} after {who}: judged on what these leave free"
        return replace(gpu, free_bytes=max(gpu.memory_bytes - held, 1)), (note,)

    def held_beside(self, server: DeclaredServer) -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
        """What is held on each GPU that the server sees, where anything is."""
        each = ((device, self._held.get(device)) for device in _devices(server, len(server.devices)))
        return tuple((device[1], tuple(held)) for device, held in each if held)

    def add(self, server: DeclaredServer, fit: Fit) -> None:
        """What a server that starts keeps: its budget without the activations, which it frees after profiling."""
        if fit.per_gpu is None or fit.verdict not in ("fits", "tight"):
            return
        held = fit.per_gpu.budget_bytes - fit.per_gpu.activations_bytes
        for device in _devices(server, fit.engine.world_size):
            self._held.setdefault(device, []).append((server.name, held))


def _devices(server: DeclaredServer, ranks: int) -> list[Device]:
    """The first GPUs that it sees, one per rank."""
    if server.machine is None:
        return []
    return [(server.machine, device) for device in server.devices[:ranks]]
