"""One change to a deployment that may make it fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import LAYOUT_FLAGS, EngineArgs
from vllm_costmeter.core.gpu.group import GpuGroup


@dataclass(frozen=True, slots=True)
class Change:
    """Changed flags or GPUs to check."""

    change: Mapping[str, Any]
    """New values by field name."""
    arguments: str
    """The same as command-line flags."""
    gpu: GpuGroup
    engine_args: EngineArgs
    usd_per_hour: float | None = None
    price_as_of: str = ""
    is_price_stale: bool = False


def changed_to(values: Mapping[str, Any], gpu: GpuGroup, engine_args: EngineArgs) -> Change:
    """The change to these values of fields of EngineArgs or its layout."""
    words = [_words(f"--{name.replace('_', '-')}", value) for name, value in values.items()]
    split = {name: value for name, value in values.items() if name in _LAYOUT}
    own = {name: value for name, value in values.items() if name not in _LAYOUT}
    return Change(
        values,
        " ".join(words),
        gpu,
        replace(engine_args, layout=replace(engine_args.layout, **split), **own),
    )


_LAYOUT = frozenset(flag.field for flag in LAYOUT_FLAGS)


def _words(flag: str, value: Any) -> str:
    if isinstance(value, bool):
        return flag if value else f"--no-{flag[2:]}"
    if isinstance(value, Mapping):
        return f"{flag} '{json.dumps(value)}'"
    return f"{flag} {value}"
