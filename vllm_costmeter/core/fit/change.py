"""One change to a deployment that may make it fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs
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


def changed_to(values: Mapping[str, Any], gpu: GpuGroup, engine_args: EngineArgs) -> Change:
    """The change to these values of fields of EngineArgs."""
    words = [_words(f"--{name.replace('_', '-')}", value) for name, value in values.items()]
    return Change(values, " ".join(words), gpu, replace(engine_args, **values))


def _words(flag: str, value: Any) -> str:
    if isinstance(value, bool):
        return flag if value else f"--no-{flag[2:]}"
    return f"{flag} {value}"
