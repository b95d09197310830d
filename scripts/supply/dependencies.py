"""What the package needs at run time, by its pyproject.toml and by the metadata of what is installed."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
NOT_SHIPPED = ("dev", "release", "fuzz", "vllm", "amd")
"""Extras that are for us, or (vLLM, ROCm's library) the host's own: their users have them already."""


def declared(root: Path = ROOT) -> dict[str, list[Requirement]]:
    """Requirements by extra; "" is the base install."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    found = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: [Requirement(text) for text in texts] for extra, texts in found.items()}


def closure(requirements: list[Requirement]) -> dict[str, importlib.metadata.Distribution]:
    """What these need and what that needs, by canonical name. PackageNotFoundError for what is not installed."""
    found: dict[str, importlib.metadata.Distribution] = {}
    open_ = [(each, frozenset(each.extras)) for each in requirements]
    while open_:
        requirement, extras = open_.pop()
        name = canonical(requirement.name)
        if name in found:
            continue
        found[name] = importlib.metadata.distribution(requirement.name)
        for text in found[name].requires or ():
            inner = Requirement(text)
            if inner.marker is None or any(
                inner.marker.evaluate({"extra": extra}) for extra in ("", *extras)
            ):
                open_.append((inner, frozenset(inner.extras)))
    return found


def canonical(name: str) -> str:
    """As package indexes compare names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
