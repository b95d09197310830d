"""Which part of a card's price a MIG slice pays."""

from __future__ import annotations

from typing import Literal

from vllm_costmeter.core.gpu_reading import SliceShare

ShareBasis = Literal["memory", "compute"]


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
