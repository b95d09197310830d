"""A change that leaves room on the GPU for what vLLM uses above its budget, checked with `fit`."""

from __future__ import annotations

import math

from vllm_costmeter.core.calibration.server_start import ServerStart
from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.fit.change import Change
from vllm_costmeter.core.fit.result import Fit, Suggestion
from vllm_costmeter.core.fit.trial import Trials

STEP = 100
"""Utilizations are suggested in hundredths."""
MIB = 1 << 20


def leaving_room(result: Fit, trials: Trials) -> list[Suggestion]:
    """A lower --gpu-memory-utilization, or a smaller reserved pool, that leaves the most that the server may need
    above its budget, or else the usual amount; with a shorter context if neither has room for this one.

    Empty if none fits.
    """
    above = result.above_budget
    if above is None:
        return []
    shorter: list[Suggestion] = []
    for needed in (above.range_bytes[1], above.bytes):
        if needed <= above.left_bytes:
            break
        found = trials.tried(_change(result, needed - above.left_bytes))
        if found and "max_model_len" not in found[0].change:
            return found
        shorter = shorter or found
    return shorter


def with_room(result: Fit, starts: tuple[ServerStart, ...] = ()) -> Fit:
    """`result` with its `leaves_room`, if it fits but may exceed the GPU's memory."""
    above = result.above_budget
    if result.verdict != "fits" or above is None or not above.may_exceed:
        return result
    found = leaving_room(result, Trials(result.model, result.engine.release, starts))
    return replace(result, leaves_room=found[0] if found else None)


def _change(result: Fit, missing_bytes: int) -> Change:
    """The budget, or the reserved pool, less `missing_bytes`."""
    given, gpu = result.engine_args, result.gpu
    if given.kv_cache_memory_bytes is not None:
        pool = max((given.kv_cache_memory_bytes - missing_bytes) // MIB * MIB, MIB)
        smaller = replace(given, kv_cache_memory_bytes=pool)
        return Change({"kv_cache_memory_bytes": pool}, f"--kv-cache-memory-bytes {pool}", gpu, smaller)
    share = result.engine.gpu_memory_utilization - missing_bytes / gpu.memory_bytes
    lower = max(math.floor(STEP * share) / STEP, 1 / STEP)
    less = replace(given, gpu_memory_utilization=lower)
    return Change({"gpu_memory_utilization": lower}, f"--gpu-memory-utilization {lower:g}", gpu, less)
