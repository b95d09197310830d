"""The GPUs of a machine, and those a server uses: identities, no measurements."""

from __future__ import annotations

from typing import Literal

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.gpu.reading import DownReason

Maker = Literal["nvidia", "amd"]

UNKNOWN_NAME = "unknown GPU"
"""Used if the driver reports no name, or an invalid one."""


@dataclass(frozen=True, slots=True)
class GpuSlice:
    """One MIG device: a compute instance on part of a GPU."""

    index: int
    """Position among the GPU's slices, in the driver's order."""
    uuid: str
    gpu_instance_id: int | None = None
    compute_instance_id: int | None = None


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """One physical GPU."""

    index: int
    """The driver's index: PCI bus order, as nvidia-smi shows it."""
    uuid: str
    name: str
    compute_capability: tuple[int, int] | None = None
    mig_enabled: bool = False
    slices: tuple[GpuSlice, ...] = ()
    maker: Maker = "nvidia"
    """Whose rules say which GPUs a process sees."""


@dataclass(frozen=True, slots=True)
class VisibleGpu:
    """What a process may use of one GPU: all of it, or one slice."""

    device: GpuDevice
    slice: GpuSlice | None = None

    @property
    def label(self) -> str:
        """ "0" for GPU 0, "0/1" for slice 1 of GPU 0: unique on one machine."""
        return f"{self.device.index}" if self.slice is None else f"{self.device.index}/{self.slice.index}"

    @property
    def uuid(self) -> str:
        return self.device.uuid if self.slice is None else self.slice.uuid


@dataclass(frozen=True, slots=True)
class UsedGpus:
    """The GPUs a server uses, in CUDA's order. If some or all cannot be determined, `problem` is the explanation in one
    line and `reason` the keyword."""

    gpus: tuple[VisibleGpu, ...] = ()
    problem: str | None = None
    reason: DownReason | None = None
