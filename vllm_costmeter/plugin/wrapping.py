"""Functions of vLLM with ours around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ORIGINAL = "costmeter_original"
"""The attribute of a wrapped function that holds vLLM's own."""


def wrap_once(owner: Any, name: str, wrapping: Callable[[Any], Any]) -> None:
    """`owner.name` becomes `wrapping(owner.name)`, unless it is wrapped already: an engine may be made again in one
    process. AttributeError where there is no such function."""
    original = getattr(owner, name)
    if not hasattr(original, ORIGINAL):
        wrapped = wrapping(original)
        setattr(wrapped, ORIGINAL, original)
        setattr(owner, name, wrapped)
