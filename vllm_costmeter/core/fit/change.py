"""One change to a deployment that may make it fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.dataclass import dataclass
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
    price_as_of: str = ""
    is_price_stale: bool = False
