"""A GPU and how many, in words."""

from __future__ import annotations


def counted(gpu: str, count: int) -> str:
    """ "RTX 4090", "8x RTX 4090"."""
    return gpu if count == 1 else f"{count}x {gpu}"
