"""The smallest GPUs of a list on which a model serves a working context."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.matrix import WORKING_TOKENS
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release

COUNTS = (1, 2, 4, 8)


def smallest_gpu(
    model: Model, gpus: Sequence[GpuGroup], release: Release, tokens: int = WORKING_TOKENS
) -> GpuGroup | None:
    """The GPU with the least memory on which the model fits `tokens` (its maximum if that is shorter) with default
    flags, else the fewest of the smallest kind, up to 8; None if it fits on none or its memory is not known."""
    by_memory = sorted(gpus, key=lambda each: each.memory_bytes)
    for count in COUNTS:
        for gpu in by_memory:
            group = replace(gpu, count=count)
            if _fits(model, group, release, tokens):
                return group
    return None


def _fits(model: Model, gpu: GpuGroup, release: Release, tokens: int) -> bool:
    layout = ParallelConfig(tensor_parallel_size=gpu.count)
    args = EngineArgs(layout=layout, max_model_len=min(tokens, model.max_model_len))
    try:
        return fit(model, gpu, args, release).verdict == "fits"
    except (BadInputError, NotUnderstoodError):
        return False
