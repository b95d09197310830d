"""Architectures that vLLM serves and no rule of this package can hold, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping

UNMODELLED: Mapping[str, str] = {
    "DiffusionGemmaForBlockDiffusion": (
        "its sampler holds a number for every word of the vocabulary at every place of each request's canvas, several "
        "GiB whose peak was not measured"
    ),
    "Terratorch": (
        "the checkpoint's configuration names a backbone that the terratorch package builds, and no prompt is text"
    ),
}
"""vLLM's name of an architecture (registry of 0.32) -> why its config.json does not say what a server needs."""
