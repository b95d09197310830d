"""A GPU model in the catalogue: its memory, rates and limits, and the source of each fact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.gpu.group import SLICE_MARK, GpuGroup

Vendor = Literal["nvidia", "amd", "intel"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where and when one fact was read, and whether it is reliable."""

    source: str
    as_of: str | None
    """An ISO date as precise as the source: a year, a month or a day; None for a user's value without a date."""
    verified: bool = True
    low: float | None = None
    """With `high`: the range of values read, in the field's unit; None if there is a single value."""
    high: float | None = None
    estimated: bool = False
    """Derived by the rule in `source`, not read on this GPU."""


@dataclass(frozen=True, slots=True)
class MigProfile:
    """One MIG partition size; `instances` of them fit on a GPU."""

    name: str
    """NVML's name: "3g.40gb"."""
    memory_bytes: tuple[int, int]
    """Memory that CUDA reports in the slice, lowest and highest reading."""
    compute_slices: int
    """Out of seven (four on A30 and RTX PRO)."""
    memory_slices: int
    """Out of eight (four on A30 and RTX PRO)."""
    instances: int


@dataclass(frozen=True, slots=True)
class GpuSpec:
    """One GPU model. A fact that was never published or logged is None. Rates are dense, never "with sparsity"."""

    name: str
    vendor: Vendor = "nvidia"
    driver_names: tuple[str, ...] = ()
    """The names that NVML or amdsmi use."""
    aliases: tuple[str, ...] = ()
    """The names that clouds and people use."""
    nominal_gb: float | None = None
    memory_bytes: int | None = None
    """As CUDA reports it to a process: less than the nominal size and nvidia-smi's total."""
    memory_type: str | None = None
    unified_memory: bool | None = None
    """True if the GPU shares the machine's memory with the CPU."""
    bandwidth_bytes_per_second: float | None = None
    fp32_flops_per_second: float | None = None
    """Without tensor cores; `tf32_flops_per_second` with them."""
    tf32_flops_per_second: float | None = None
    bf16_flops_per_second: float | None = None
    fp16_flops_per_second: float | None = None
    """Only for GPUs without BF16 (T4, V100); otherwise both 16-bit rates are the same."""
    fp8_flops_per_second: float | None = None
    fp4_flops_per_second: float | None = None
    int8_ops_per_second: float | None = None
    ai_tops: float | None = None
    """As advertised by the vendor: the fastest format, with sparsity. Not a dense rate."""
    transformer_engine: str | None = None
    """Formats below 16 bits that the tensor cores support: "FP8", "FP8 and FP4"."""
    tdp_watts: float | None = None
    link_type: str | None = None
    link_bytes_per_second: float | None = None
    """To the other GPUs of the machine, per direction: built-in NVLink if the board has it, otherwise PCIe."""
    pcie_generation: int | None = None
    pcie_lanes: int | None = None
    nvlink_bridge_bytes_per_second: float | None = None
    """Per direction, between two boards joined by an optional bridge; None: bridges are not supported."""
    peer_to_peer: bool | None = None
    """Whether the vendor's driver lets one GPU read another's memory; None: unknown."""
    gpus_per_machine: int | None = None
    """Most GPUs of one machine; None: eight, as in the largest common servers."""
    compute_capability: tuple[int, int] | None = None
    architecture: str | None = None
    """AMD's target name (gfx942); None on NVIDIA."""
    mig_instances: int | None = None
    """Largest number of MIG slices; 0: the GPU has no MIG; None: unknown."""
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
        """The dense rate for 16-bit models: BF16 if the GPU has it, otherwise FP16."""
        return (
            self.bf16_flops_per_second
            if self.bf16_flops_per_second is not None
            else self.fp16_flops_per_second
        )

    @property
    def memory_bytes_range(self) -> tuple[int, int] | None:
        """The lowest and highest total that CUDA may report; None if the memory is unknown."""
        if self.memory_bytes is None:
            return None
        origin = self.provenance.get("memory_bytes")
        if origin is None or origin.low is None or origin.high is None:
            return self.memory_bytes, self.memory_bytes
        return int(origin.low), int(origin.high)

    @property
    def is_slice(self) -> bool:
        """Whether it is a MIG slice of a GPU in the catalogue (`slice_spec`)."""
        return SLICE_MARK in self.name

    def is_verified(self, fact: str) -> bool:
        """Whether this field is reliable; a second-hand or derived value is not."""
        return fact not in self.provenance or self.provenance[fact].verified

    def as_gpu(self, count: int = 1) -> GpuGroup:
        """`count` of these GPUs to place a model on.

        Raises BadInputError if the CUDA-visible memory is unknown or these are several MIG slices, and
        NotUnderstoodError for an accelerator that vLLM supports with neither CUDA nor ROCm.
        """
        if self.is_slice and count > 1:
            raise BadInputError(
                f"{count} x {self.name}: {count} ranks need a GPU each, and CUDA shows a process one MIG slice"
            )
        if self.vendor == "intel":
            raise NotUnderstoodError(
                f"{self.name}: vLLM's memory rules are known for CUDA and ROCm, not for Intel's accelerators"
            )
        if self.memory_bytes is None:
            raise BadInputError(
                f"the memory that CUDA reports on a {self.name} is not in the catalogue "
                "(it is less than the nominal size): give --gpu-memory-gib"
            )
        origin = self.provenance.get("memory_bytes")
        varies = self.unified_memory is True or (origin is not None and origin.estimated)
        return GpuGroup(
            name=self.name,
            memory_bytes=self.memory_bytes,
            memory_bytes_range=self.memory_bytes_range if varies else None,
            count=count,
            source="catalog",
            compute_capability=self.compute_capability,
        )
