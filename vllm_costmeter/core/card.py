"""What the catalogue knows of a card: its memory, rates and limits, and where each fact comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu import Gpu

Vendor = Literal["nvidia", "amd"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where one fact was read, when, and whether it may be relied on."""

    source: str
    as_of: str | None
    """An ISO date as precise as the source is: a year, a month or a day; None for a user's own bare value."""
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Card:
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
    bandwidth_bytes_per_second: float | None = None
    bf16_flops_per_second: float | None = None
    fp16_flops_per_second: float | None = None
    """Given only for cards without BF16 (T4, V100); elsewhere the 16-bit rates are one."""
    fp8_flops_per_second: float | None = None
    fp4_flops_per_second: float | None = None
    tdp_watts: float | None = None
    link_type: str | None = None
    link_bytes_per_second: float | None = None
    """To the other cards of the machine, one direction."""
    compute_capability: tuple[int, int] | None = None
    architecture: str | None = None
    """AMD's target name (gfx942); None on NVIDIA."""
    mig_instances: int | None = None
    """Largest number of MIG slices; 0: the card has no MIG; None: unknown."""
    ecc: bool | None = None
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

    def is_verified(self, fact: str) -> bool:
        """Whether this field may be relied on; a second-hand or derived one may not."""
        return fact not in self.provenance or self.provenance[fact].verified

    def as_gpu(self, count: int = 1) -> Gpu:
        """`count` of these cards to place a model on. BadInputError where the CUDA-visible memory is unknown."""
        if self.memory_bytes is None:
            raise BadInputError(
                f"the memory that CUDA shows on a {self.name} is not in the catalogue "
                "(the nameplate is not it): give --gpu-memory-gib"
            )
        return Gpu(
            name=self.name,
            memory_bytes=self.memory_bytes,
            count=count,
            source="catalog",
            compute_capability=self.compute_capability,
        )
