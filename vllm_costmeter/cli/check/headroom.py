"""`--headroom 10%`: the verdict must hold with that share of each GPU's memory kept spare."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError

from vllm_costmeter.assembly import Check
from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.memory.byte_range import GIB

_WORST_LAST = ("fits", "tight", "unknown", "refused")


def headroom(text: str) -> float:
    """A share such as "10%" or "0.1"; ArgumentTypeError otherwise."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", text.strip())
    value = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= value < 1:
        raise ArgumentTypeError(f"must be a share of the GPU's memory such as 10% or 0.1, got {text!r:.40}")
    return value


def with_headroom(check: Check, share: float) -> Fit:
    """The result of `check`, as strict as that of vLLM with so much less of each GPU's memory.

    The second check has --gpu-memory-utilization lower by `share`; the bytes shown are those of the first.
    Suggestions and the longest context hold with the headroom. BadInputError if nothing is left, and with
    --kv-cache-memory-bytes, for which vLLM ignores the utilization.
    """
    if check.engine_args.kv_cache_memory_bytes is not None:
        raise BadInputError(
            "--headroom cannot be combined with --kv-cache-memory-bytes, which fixes the memory"
        )
    whole = check.fit()
    utilization = whole.engine.gpu_memory_utilization
    lower = round(utilization - share, 6)
    if lower <= 0:
        raise BadInputError(
            f"--headroom {share * 100:.4g}% leaves nothing of --gpu-memory-utilization {utilization:g}: give less"
        )
    less = replace(check, engine_args=replace(check.engine_args, gpu_memory_utilization=lower)).answer()
    found = replace(
        whole,
        max_model_len_that_fits=less.max_model_len_that_fits,
        max_num_seqs_that_fits=less.max_num_seqs_that_fits,
        suggestions=tuple(each for each in less.suggestions if "gpu_memory_utilization" not in each.change),
        notes=(*whole.notes, _note(share, whole.gpu.memory_bytes)),
    )
    if _WORST_LAST.index(less.verdict) <= _WORST_LAST.index(whole.verdict):
        return found
    why = f"with {share * 100:.4g} % of the GPU's memory kept spare: {less.message}"
    return replace(found, verdict=less.verdict, reason="headroom", message=why)


def _note(share: float, total_bytes: int) -> str:
    return f"--headroom: {share * 100:.4g} % of each GPU ({share * total_bytes / GIB:.2f} GiB) is kept spare"
