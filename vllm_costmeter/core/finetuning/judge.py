"""Whether a fine-tuning run can be on given GPUs, with the reason and what comes nearest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.finetuning.blocks import MEASURED
from vllm_costmeter.core.finetuning.memory import FinetuningBytes, finetuning_bytes
from vllm_costmeter.core.finetuning.rate import exchange_over_arithmetic, fastest_rate
from vllm_costmeter.core.finetuning.run import Run, divided
from vllm_costmeter.core.finetuning.verdict import Change, Verdict, changes, unmeasured, verdict
from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.serving.links import link_of

Reason = Literal["memory", "tensor_parallel_over_pcie", "rate", "not_measured", "unknown_memory"]


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on one run on one kind of GPU."""

    run: Run
    parts: FinetuningBytes
    gpu: GpuSpec
    verdict: Verdict
    reason: Reason | None = None
    """None if it fits."""
    message: str = ""
    changes: Sequence[Change] = ()
    """Of a refused run: the settings that make it fit these GPUs, or more of them."""


def judged(run: Run, gpu: GpuSpec, tokens_per_second: Fraction | None = None) -> Judged:
    """The verdict. `tokens_per_second` is a stated rate of all GPUs, which their arithmetic must allow."""
    parts = finetuning_bytes(run)
    if gpu.memory_bytes is None:
        why = "the memory that CUDA reports is not in the catalogue"
        return Judged(run, parts, gpu, "unknown", "unknown_memory", why)
    if (unseen := unmeasured(gpu)) is not None:
        return Judged(run, parts, gpu, "unknown", "not_measured", unseen)
    if run.tensor_parallel_size > 1:
        return _tensor_parallel(run, parts, gpu, gpu.memory_bytes)
    found = verdict(run, parts.peak, gpu.memory_bytes)
    if found == "refused":
        hints = [each for each in changes(run, gpu.memory_bytes) if each.run.gpus == 1 or not gpu.is_slice]
        return Judged(run, parts, gpu, found, "memory", _memory(parts, gpu, gpu.memory_bytes), hints)
    why, is_possible = "", True
    if tokens_per_second is not None:
        why, is_possible = _rate(run, gpu, tokens_per_second)
    if not is_possible:
        return Judged(run, parts, gpu, "refused", "rate", why)
    if run.shape.architecture not in MEASURED:
        unseen = f"what {run.shape.architecture} keeps for the backward pass was not measured; a Llama's is counted"
        why = "; ".join(filter(None, (unseen, why)))
    return Judged(run, parts, gpu, found, message=why)


def cheapest_that_fits(run: Run, gpus: Iterable[tuple[GpuSpec, int, Fraction]]) -> Judged | None:
    """The run as asked on the GPUs with the least USD per hour; `gpus` are (GPU, count, USD per hour of all).

    Several GPUs hold it by ZeRO 3, unless the run names a stage of its own.
    """
    for gpu, count, _ in sorted(gpus, key=lambda each: each[2]):
        zero = 0 if count == 1 else run.zero or 3
        found = judged(divided(replace(run, tensor_parallel_size=1), zero, count), gpu)
        if found.verdict == "fits":
            return found
    return None


def _tensor_parallel(run: Run, parts: FinetuningBytes, gpu: GpuSpec, memory_bytes: int) -> Judged:
    """Refused over PCIe. Over NVLink unknown: the memory of tensor-parallel training was not looked at."""
    size = run.tensor_parallel_size
    if gpu.gpus_per_machine is not None and size > gpu.gpus_per_machine:
        link_words, is_nvlink = "the network between machines", False
    else:
        link = link_of(gpu, size)
        link_words, is_nvlink = link.words, link.name.startswith("nvlink")
    if is_nvlink:
        why = "the memory of tensor-parallel training is not known; without it, ZeRO divides the same weights"
        return Judged(run, parts, gpu, "unknown", "not_measured", why)
    why = f"tensor parallelism in training needs NVLink, and {counted(gpu.name, size)} have {link_words}"
    if (ratio := exchange_over_arithmetic(run, gpu)) is not None:
        why += f": exchanging activations takes {_times(ratio)} the time of the arithmetic"
    alone = replace(run, tensor_parallel_size=1)
    without = "--tensor-parallel-size 1"
    if verdict(alone, peak := finetuning_bytes(alone).peak, memory_bytes) != "refused":
        hints = [Change(without, alone, peak)]
    else:
        hints = [replace(each, flags=f"{without} {each.flags}") for each in changes(alone, memory_bytes)]
    return Judged(run, parts, gpu, "refused", "tensor_parallel_over_pcie", why, hints)


def _times(ratio: float) -> str:
    return f"{ratio:.0f} times" if ratio >= 9.5 else f"{ratio:.1f} times"


def _memory(parts: FinetuningBytes, gpu: GpuSpec, memory_bytes: int) -> str:
    peak, memory = parts.peak / 1e9, memory_bytes / 1e9
    held = {
        "the weights": parts.weights,
        "weights, gradients and optimizer states": parts.weights
        + parts.adapters
        + parts.gradients
        + parts.states,
    }
    alone = next(
        (f", and {name} alone take {size / 1e9:.1f}" for name, size in held.items() if size > memory_bytes),
        "",
    )
    return f"the peak is {peak:.1f} GB per GPU{alone}; the {gpu.name} has {memory:.1f}"


def _rate(run: Run, gpu: GpuSpec, tokens_per_second: Fraction) -> tuple[str, bool]:
    """(what is to be said of a stated rate, whether it can be). FP8 arithmetic is possible with 16-bit weights."""
    sixteen, eight = gpu.sixteen_bit_flops_per_second, gpu.fp8_flops_per_second
    if sixteen is None or tokens_per_second <= (fastest := fastest_rate(run, sixteen)):
        return "", True
    said = (
        f"{float(tokens_per_second):,.0f} tokens/s take {float(tokens_per_second / fastest):.0%} of the dense 16-bit "
        f"rate of {counted(gpu.name, run.gpus)}, which allows {float(fastest):,.0f}"
    )
    if eight is None:
        return said, False
    in_fp8 = fastest_rate(run, eight)
    if tokens_per_second <= in_fp8:
        return f"{said}: only FP8 arithmetic could reach them", True
    return f"{said}, and FP8 {float(in_fp8):,.0f}", False
