"""gpus.json: the package's GPUs, validated and compiled from TOML; an index line, then one line per GPU.

`scripts/catalogue/compile_gpus.py` writes it. A check parses only the index and one line.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from vllm_costmeter.core.gpu.spec import GpuSpec, MigProfile, Provenance


class CompiledGpus:
    """GPUs by key (`folded_name`), in listing order."""

    def __init__(self, text: str) -> None:
        index, *lines = text.splitlines()
        found: dict[str, Any] = json.loads(index)
        self._lines: dict[str, str] = dict(zip(found["keys"], lines, strict=True))
        self._spelt: list[list[str]] = found["spelt"]
        self._origins: list[list[Any]] = found["origins"]

    def __contains__(self, key: str) -> bool:
        return key in self._lines

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self._lines)

    @property
    def spelt(self) -> dict[str, list[str]]:
        """The result of `spellings` for each GPU."""
        return dict(zip(self._lines, self._spelt, strict=True))

    def spec(self, key: str) -> GpuSpec:
        """The GPU with this key. KeyError if there is none."""
        fields: dict[str, Any] = json.loads(self._lines[key])
        for name in ("driver_names", "aliases", "compute_capability"):
            if name in fields:
                fields[name] = tuple(fields[name])
        if "mig_profiles" in fields:
            profiles = [
                MigProfile(name, (low, high), *rest) for name, low, high, *rest in fields["mig_profiles"]
            ]
            fields["mig_profiles"] = tuple(profiles)
        fields["provenance"] = {name: self._origin(*kept) for name, kept in fields["provenance"].items()}
        return GpuSpec(**fields)

    def _origin(self, number: int, low: float | None = None, high: float | None = None) -> Provenance:
        source, as_of, verified, estimated = self._origins[number]
        return Provenance(source, as_of, verified, low, high, estimated)


@cache
def compiled_gpus(file: Path) -> CompiledGpus:
    """The package's table, read once however many catalogues lay their own rows over it."""
    return CompiledGpus(file.read_text("utf-8"))
