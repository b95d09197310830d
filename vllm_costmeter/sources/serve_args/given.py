"""Flags of `vllm serve` as they were given: parsed text becomes typed values here, once."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.dataclass import dataclass, field, fields, replace
from vllm_costmeter.core.engine.args import (
    GRAPH_MODES,
    GRAPHS_OF_LEVEL,
    SPECULATIVE_PARTS,
    EngineArgs,
    engine_args_of,
)
from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.sources.serve_args.flags import MEMORY_FLAGS, UNMODELLED, UNMODELLED_CACHE_FLAGS


@dataclass(frozen=True, slots=True)
class GivenFlags:
    """One command's flags. A field with its default value was not given."""

    memory: Mapping[str, Any] = field(default_factory=dict)
    """Flags that change GPU memory, by field of EngineArgs or ParallelConfig."""
    unmodelled: tuple[str, ...] = ()
    """Flags that may change GPU memory in a way the answer does not contain."""
    cache_flags: Mapping[str, str] = field(default_factory=dict)
    """Unmodelled flags of the KV cache with their values, which not every release accepts."""
    cudagraph_mode: str | None = None
    """As --compilation-config or --optimization-level sets it."""
    revision: str | None = None
    hf_token: str | None = None
    device_ids: str | None = None
    nnodes: int = 1
    spread: tuple[str, ...] = ()
    """Values of flags that put ranks on other machines."""
    backends: tuple[str, ...] = ()
    """Values of the flags that choose an executor."""

    def over(self, other: GivenFlags) -> GivenFlags:
        """These flags, and those of `other` that are not among them."""
        blank = GivenFlags()
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        given = {name: value for name, value in values.items() if value != getattr(blank, name)}
        given["memory"] = {**other.memory, **self.memory}
        given["cache_flags"] = {**other.cache_flags, **self.cache_flags}
        given["unmodelled"] = tuple(sorted({*other.unmodelled, *self.unmodelled}))
        return replace(other, **given)

    def engine_args(self) -> EngineArgs:
        """A flag that was not given keeps vLLM's default. BadInputError for values that vLLM rejects."""
        return replace(engine_args_of(**self.memory), cudagraph_mode=self.cudagraph_mode)

    def local_gpus(self) -> tuple[int | str, ...] | None:
        """`--device-ids` as vLLM reads it (0.24 to 0.33); None without it, and with Ray, which ignores it."""
        if self.device_ids is None or "ray" in self.backends:
            return None
        parts = [part.strip() for part in self.device_ids.split(",")]
        return tuple(int(part) if part.isdecimal() else part for part in parts)

    @property
    def is_spread(self) -> bool:
        """Whether some ranks run on other machines than this command: on other nodes, or wherever Ray puts them."""
        return self.nnodes > 1 or bool(self.spread) or "ray" in self.backends


def given_flags(values: argparse.Namespace) -> GivenFlags:
    """What a parser with `add_serve_flags` read."""
    names = (*(flag.field for flag in MEMORY_FLAGS), *SPECULATIVE_PARTS)
    known = {name: getattr(values, name, None) for name in names}
    unmodelled = sorted(name for name, value in vars(values).items() if value and name.startswith(UNMODELLED))
    return GivenFlags(
        memory={name: value for name, value in known.items() if value is not None},
        unmodelled=tuple(f"--{name.removeprefix(UNMODELLED)}" for name in unmodelled),
        cache_flags=_cache_flags(values),
        cudagraph_mode=_cudagraph_mode(values),
        revision=values.revision,
        hf_token=values.hf_token,
        device_ids=values.device_ids,
        nnodes=values.nnodes,
        spread=tuple(values.spread or ()),
        backends=tuple(values.backends or ()),
    )


def _cache_flags(values: argparse.Namespace) -> dict[str, str]:
    found = {name: getattr(values, UNMODELLED + name, None) for name in UNMODELLED_CACHE_FLAGS}
    return {
        f"--{name}": value if isinstance(value, str) else " ".join(value)
        for name, value in found.items()
        if value
    }


def _cudagraph_mode(values: argparse.Namespace) -> str | None:
    """As `--compilation-config` names it, else as `--optimization-level` 0 and 1 set it (0.17 to 0.33)."""
    asked = getattr(values, "unmodelled_compilation-config", None)
    if asked is not None:
        try:
            config = json.loads(asked)
        except ValueError:
            raise BadInputError(f"--compilation-config must be JSON, got {asked!r:.60}") from None
        mode = config.get("cudagraph_mode") if isinstance(config, dict) else None
        if isinstance(mode, str):
            if mode.upper() not in GRAPH_MODES:
                raise BadInputError(
                    f"--compilation-config: {mode!r:.40} is not a cudagraph_mode{nearest(mode.upper(), GRAPH_MODES)}"
                )
            return mode.upper()
    return GRAPHS_OF_LEVEL.get(str(getattr(values, "unmodelled_optimization-level", None)))
