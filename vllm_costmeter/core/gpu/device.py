"""Which GPUs a machine has, and which of them a server uses: identities, no measurements."""

from __future__ import annotations

from dataclasses import dataclass

from vllm_costmeter.core.gpu.reading import DownReason

UNKNOWN_NAME = "unknown GPU"
"""Where the driver gives no name, or none that a name could be."""


@dataclass(frozen=True, slots=True)
class GpuSlice:
    """One MIG device: a compute instance on a part of a card."""

    index: int
    """Position among its card's slices, as the driver lists them."""
    uuid: str
    gpu_instance_id: int | None = None
    compute_instance_id: int | None = None


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """One physical card."""

    index: int
    """The driver's index: PCI bus order, as nvidia-smi shows it."""
    uuid: str
    name: str
    compute_capability: tuple[int, int] | None = None
    mig_enabled: bool = False
    slices: tuple[GpuSlice, ...] = ()


@dataclass(frozen=True, slots=True)
class VisibleGpu:
    """What a process may use of one card: the whole, or one slice."""

    device: GpuDevice
    slice: GpuSlice | None = None

    @property
    def label(self) -> str:
        """ "0" for card 0, "0/1" for slice 1 of card 0: unique on one machine."""
        return f"{self.device.index}" if self.slice is None else f"{self.device.index}/{self.slice.index}"

    @property
    def uuid(self) -> str:
        return self.device.uuid if self.slice is None else self.slice.uuid


@dataclass(frozen=True, slots=True)
class UsedGpus:
    """The GPUs a server uses, in CUDA's order. `problem` says why some or all of them cannot be told, in one line, and
    `reason` as a label."""

    gpus: tuple[VisibleGpu, ...] = ()
    problem: str | None = None
    reason: DownReason | None = None
