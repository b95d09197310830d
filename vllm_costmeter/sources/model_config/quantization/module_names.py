"""Lists of module names in a quantization section, under the names that vLLM gives the modules."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.model_config.reader import ConfigReader

Renames = Sequence[tuple[str, str]]
"""(checkpoint prefix, vLLM prefix); the first that matches applies."""


def strings(section: ConfigReader, *keys: str) -> list[str]:
    """A list of names; of several keys the first that holds a non-empty list."""
    for key in keys:
        values = section.optional_list(key)
        if values:
            if not all(isinstance(value, str) for value in values):
                raise BadInputError(f"{section.name}: {section.path}{key} must hold strings")
            return [value for value in values if value]
    return []


def renamed(entries: Sequence[str], renames: Renames) -> list[str]:
    """Names as vLLM's modules have them; expressions stay as they are."""
    return [entry if entry.startswith("re:") else rename(entry, renames) for entry in entries]


def rename(entry: str, renames: Renames) -> str:
    for old, new in renames:
        if entry.startswith(old):
            return new + entry[len(old) :]
        if entry == old.rstrip("."):
            return new.rstrip(".")
    return entry
