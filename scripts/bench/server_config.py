"""A resolved vLLM configuration of the tiny model, in this process, with the meter switched on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

SWITCHED_ON = {
    "VLLM_PLUGINS": "costmeter",
    "COSTMETER_GPU_HOURLY_USD": "0.55",
    "COSTMETER_PREFLIGHT": "off",
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
}


def engine_args(model: Path) -> Any:
    """vLLM's own arguments for the tiny model; sets the environment first, because vLLM reads it on import."""
    os.environ.update(SWITCHED_ON)
    from vllm.engine.arg_utils import EngineArgs

    return EngineArgs(model=str(model), enforce_eager=True, max_model_len=1024)
