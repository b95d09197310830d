"""gpus.json, the package's GPUs as read and checked from their TOML: an index in the first line, then a GPU a line.

`scripts/catalogue/compile_gpus.py` writes it. A check parses the index and one line.
"""

from __future__ import annotations

import json
from typing import Any

from vllm_costmeter.core.gpu.spec import GpuSpec, MigProfile, Provenance


class CompiledGpus:
    """GPUs by key (`folded_name`), in the order of the listing."""

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
        """What `spellings` finds for each."""
        return dict(zip(self._lines, self._spelt, strict=True))

    def spec(self, key: str) -> GpuSpec:
        """The GPU of a key. KeyError for one that is not there."""
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
