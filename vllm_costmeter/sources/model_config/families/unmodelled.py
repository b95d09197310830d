"""Architectures that vLLM serves and no rule of this package can hold, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping

UNMODELLED: Mapping[str, str] = {
    "DiffusionGemmaForBlockDiffusion": (
        "its sampler holds a number for every word of the vocabulary at every place of each request's canvas, several "
        "GiB whose peak was not measured"
    ),
    **dict.fromkeys(
        ("Dots3NoteForCausalLM", "Dots3NoteMTPModel"),
        "its windows and its sparse layers keep latents in rows of one width, in pages that its own classes plan",
    ),
    "Terratorch": (
        "the checkpoint's configuration names a backbone that the terratorch package builds, and no prompt is text"
    ),
}
"""vLLM's name of an architecture (registries of 0.32 and 0.33) -> why no rule says what a server loads and keeps."""
