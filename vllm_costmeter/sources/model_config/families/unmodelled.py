"""Architectures that vLLM serves and no rule of this package can hold, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping

UNMODELLED: Mapping[str, str] = {
    "Terratorch": (
        "the checkpoint's configuration names a backbone that the terratorch package builds, and no prompt is text"
    ),
}
"""vLLM's name of an architecture (registry of 0.32) -> why its config.json does not say what a server loads."""
