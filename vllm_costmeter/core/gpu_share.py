"""Which part of a card's price a MIG slice pays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from vllm_costmeter.core.gpu_reading import GpuReading, SliceShare

ShareBasis = Literal["memory", "compute"]


class GpuShare(NamedTuple):
    """The fraction of each card a server pays for, and what it was taken from."""

    fraction: float = 1.0
    basis: str = ""
    """mig_memory, mig_compute, stated, or both (`mig_memory x stated`); empty for whole cards."""


def server_share(
    gpus: Iterable[GpuReading], basis: ShareBasis, stated: float, card_compute_slices: int | None
) -> GpuShare:
    """The mean over the server's devices of each one's part of its card (1 for a whole card), times the fraction that
    the operator stated for time-slicing."""
    parts = [1.0 if gpu.slice is None else mig_share(gpu.slice, basis, card_compute_slices) for gpu in gpus]
    known = [part for part in parts if part is not None]
    sliced = sum(known) / len(known) if known else 1.0
    names = [f"mig_{basis}"] * (sliced < 1) + ["stated"] * (stated < 1)
    return GpuShare(sliced * stated, " x ".join(names))


def mig_share(part: SliceShare, basis: ShareBasis, card_compute_slices: int | None) -> float | None:
    """The slice's fraction of its card, above 0 and at most 1; None where the driver does not tell enough.

    By memory: the slice's bytes over the card's, which is what decides which models fit. By compute: its slices over
    the card's (`card_compute_slices`: 7 on A100, H100, H200, B200; 4 on A30 and RTX PRO 6000).
    """
    mine, whole = (
        (part.memory_bytes, part.card_memory_bytes)
        if basis == "memory"
        else (part.compute_slices, card_compute_slices)
    )
    if not mine or not whole:
        return None
    return min(1.0, mine / whole)
