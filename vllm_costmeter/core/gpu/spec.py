"""What the catalogue knows of a card: its memory, rates and limits, and where each fact comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.gpu.group import GpuGroup

Vendor = Literal["nvidia", "amd", "intel"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where one fact was read, when, and whether it may be relied on."""

    source: str
    as_of: str | None
    """An ISO date as precise as the source is: a year, a month or a day; None for a user's own bare value."""
    verified: bool = True
    low: float | None = None
    """With `high`: the spread of what was read, in the field's own unit; None where one value was read."""
    high: float | None = None
    estimated: bool = False
    """Derived by the rule that `source` states, not read of this GPU."""


@dataclass(frozen=True, slots=True)
class MigProfile:
    """One way to cut a GPU: `instances` of this size fit on it."""

    name: str
    """As NVML spells it: "3g.40gb"."""
    memory_bytes: tuple[int, int]
    """What CUDA shows in the slice, lowest and highest read."""
    compute_slices: int
    """Of the GPU's seven (four on A30 and RTX PRO)."""
    memory_slices: int
    """Of the GPU's eight (four on A30 and RTX PRO)."""
    instances: int


@dataclass(frozen=True, slots=True)
class GpuSpec:
    """One kind of GPU. A fact that nobody published or logged is None. Rates are dense, never "with sparsity"."""

    name: str
    vendor: Vendor = "nvidia"
    driver_names: tuple[str, ...] = ()
    """As NVML or amdsmi spell it."""
    aliases: tuple[str, ...] = ()
    """As clouds and people spell it."""
    nominal_gb: float | None = None
    memory_bytes: int | None = None
    """As CUDA shows it to a process: below the nameplate and below nvidia-smi's total."""
    memory_type: str | None = None
    unified_memory: bool | None = None
    """True where the GPU shares the machine's memory with the processor."""
    bandwidth_bytes_per_second: float | None = None
    fp32_flops_per_second: float | None = None
    """Without tensor cores; `tf32_flops_per_second` with them."""
    tf32_flops_per_second: float | None = None
    bf16_flops_per_second: float | None = None
    fp16_flops_per_second: float | None = None
    """Given only for cards without BF16 (T4, V100); elsewhere the 16-bit rates are one."""
    fp8_flops_per_second: float | None = None
    fp4_flops_per_second: float | None = None
    int8_ops_per_second: float | None = None
    ai_tops: float | None = None
    """As the vendor advertises it: the fastest format, with sparsity. Not a dense rate."""
    transformer_engine: str | None = None
    """The formats below 16 bits that the tensor cores multiply: "FP8", "FP8 and FP4"."""
    tdp_watts: float | None = None
    link_type: str | None = None
    link_bytes_per_second: float | None = None
    """To the other cards of the machine, one direction: NVLink where the board has it built in, else PCIe."""
    pcie_generation: int | None = None
    pcie_lanes: int | None = None
    nvlink_bridge_bytes_per_second: float | None = None
    """One direction, between the two boards that a bridge joins where one is fitted; None: takes no bridge."""
    peer_to_peer: bool | None = None
    """Whether the vendor's driver lets one card read another's memory; None: unknown."""
    compute_capability: tuple[int, int] | None = None
    architecture: str | None = None
    """AMD's target name (gfx942); None on NVIDIA."""
    mig_instances: int | None = None
    """Largest number of MIG slices; 0: the card has no MIG; None: unknown."""
    mig_profiles: tuple[MigProfile, ...] | None = None
    ecc: bool | None = None
    launch_date: str | None = None
    launch_usd: float | None = None
    street_new_usd: float | None = None
    street_used_usd: float | None = None
    provenance: Mapping[str, Provenance] = field(default_factory=dict, hash=False)
    """By field name of this class."""

    @property
    def sixteen_bit_flops_per_second(self) -> float | None:
        """The dense rate a 16-bit model runs at: BF16 where the card has it, else FP16."""
        return (
            self.bf16_flops_per_second
            if self.bf16_flops_per_second is not None
            else self.fp16_flops_per_second
        )

    @property
    def memory_bytes_range(self) -> tuple[int, int] | None:
        """The lowest and highest total that CUDA may show; None where the memory is unknown."""
        if self.memory_bytes is None:
            return None
        origin = self.provenance.get("memory_bytes")
        if origin is None or origin.low is None or origin.high is None:
            return self.memory_bytes, self.memory_bytes
        return int(origin.low), int(origin.high)

    def is_verified(self, fact: str) -> bool:
        """Whether this field may be relied on; a second-hand or derived one may not."""
        return fact not in self.provenance or self.provenance[fact].verified

    def as_gpu(self, count: int = 1) -> GpuGroup:
        """`count` of these cards to place a model on.

        BadInputError where the CUDA-visible memory is unknown; NotUnderstoodError for an accelerator that vLLM serves
        with neither CUDA nor ROCm.
        """
        if self.vendor == "intel":
            raise NotUnderstoodError(
                f"{self.name}: vLLM's memory rules are known for CUDA and ROCm, not for Intel's accelerators"
            )
        if self.memory_bytes is None:
            raise BadInputError(
                f"the memory that CUDA shows on a {self.name} is not in the catalogue "
                "(the nameplate is not it): give --gpu-memory-gib"
            )
        origin = self.provenance.get("memory_bytes")
        return GpuGroup(
            name=self.name,
            memory_bytes=self.memory_bytes,
            memory_bytes_range=self.memory_bytes_range if origin is not None and origin.estimated else None,
            count=count,
            source="catalog",
            compute_capability=self.compute_capability,
        )
