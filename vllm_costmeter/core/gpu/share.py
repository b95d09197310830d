"""The share of a GPU's price that a MIG slice is charged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from vllm_costmeter.core.gpu.reading import GpuReading, SliceShare

ShareBasis = Literal["memory", "compute"]


class GpuShare(NamedTuple):
    """The fraction of each GPU that a server is charged for, and its basis."""

    fraction: float = 1.0
    basis: str = ""
    """mig_memory, mig_compute, stated, or both (`mig_memory x stated`); empty for whole GPUs. mig_unknown: the driver
    does not report the size of a slice, so it is charged as a whole GPU."""


def server_share(
    gpus: Iterable[GpuReading], basis: ShareBasis, stated: float, gpu_compute_slices: int | None
) -> GpuShare:
    """The mean over the server's devices of each one's share of its GPU (1 for a whole GPU), times the fraction that
    the operator set for time-slicing."""
    parts, names = [1.0], []
    if slices := [gpu.slice for gpu in gpus]:
        found = [1.0 if part is None else mig_share(part, basis, gpu_compute_slices) for part in slices]
        parts = [1.0 if part is None else part for part in found]
        names = ["mig_unknown"] if None in found else [f"mig_{basis}"] * any(slices)
    names += ["stated"] * (stated < 1)
    return GpuShare(sum(parts) / len(parts) * stated, " x ".join(names))


def mig_share(part: SliceShare, basis: ShareBasis, gpu_compute_slices: int | None) -> float | None:
    """The slice's fraction of its GPU, above 0 and at most 1; None if the driver does not report enough.

    By memory: the slice's bytes over the GPU's, which decides which models fit. By compute: its slices over the GPU's
    (`gpu_compute_slices`: 7 on A100, H100, H200, B200; 4 on A30 and RTX PRO 6000).
    """
    mine, whole = (
        (part.memory_bytes, part.gpu_memory_bytes)
        if basis == "memory"
        else (part.compute_slices, gpu_compute_slices)
    )
    if not mine or not whole:
        return None
    return min(1.0, mine / whole)
