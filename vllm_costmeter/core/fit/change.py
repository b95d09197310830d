"""One change of a deployment that may make it fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.gpu.group import GpuGroup


@dataclass(frozen=True, slots=True)
class Change:
    """A plan to try: what it changes in words of the flags."""

    change: Mapping[str, Any]
    arguments: str
    gpu: GpuGroup
    engine_args: EngineArgs
    usd_per_hour: float | None = None
