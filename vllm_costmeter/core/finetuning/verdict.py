"""Whether a fine-tuning run fits a GPU, and which single changes would make it fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.finetuning.blocks import MEASURED
from vllm_costmeter.core.finetuning.memory import finetuning_bytes
from vllm_costmeter.core.finetuning.run import Run, divided
from vllm_costmeter.core.gpu.spec import GpuSpec

Verdict = Literal["fits", "tight", "refused", "unknown"]

MARGINS: Mapping[str, float] = {"transformers": 1.14, "torchtune": 1.2, "litgpt": 1.5, "several GPUs": 1.21}
"""The largest underestimate over the measured runs, as a factor on the peak: by framework on one GPU, and of
Transformers on several."""
ZERO_GPUS = (2, 4, 8)
QLORA = ("--method qlora", {"method": "qlora", "weights": "nf4-dq"})


@dataclass(frozen=True, slots=True)
class Change:
    """Another setting, and the peak with it."""

    flags: str
    run: Run
    peak: float


def margin(run: Run) -> float:
    """The factor on the peak within which a measured run has always been."""
    framework = run.framework.split(maxsplit=1)[0]
    if run.gpus > 1:
        return max(MARGINS[framework], MARGINS["several GPUs"])
    return MARGINS[framework]


def verdict(run: Run, peak: float, memory_bytes: int) -> Verdict:
    """`tight`: it fits by the estimate, not by its error, or its blocks were never measured."""
    if peak > memory_bytes:
        return "refused"
    is_measured = run.shape.architecture in MEASURED
    return "fits" if is_measured and peak * margin(run) <= memory_bytes else "tight"


def unmeasured(gpu: GpuSpec) -> str | None:
    """Why the memory model does not hold on a GPU: it assumes BF16 and FlashAttention 2, which need compute capability
    8.0, and every measured run was on NVIDIA. None if it holds."""
    if gpu.vendor != "nvidia":
        return "no fine-tuning was measured on this vendor's GPUs"
    if gpu.compute_capability is None or gpu.compute_capability < (8, 0):
        return "without BF16 and FlashAttention 2 (compute capability 8.0), which the estimate assumes"
    return None


def changes(run: Run, memory_bytes: int) -> list[Change]:
    """The changes that make the run fit, those that alter the result least first: single ones, else all that keep the
    method together, else other methods with these."""
    gentle = [*_gentle(run)]
    tried = [_with(run, each) for each in gentle]
    if len(gentle) > 1:
        tried.append(_with(run, *gentle))
    of_adapters = [each for each in gentle if "optimizer" not in each[0]]  # adapters have few states
    for other_method in _other_methods(run):
        tried.append(_with(run, other_method))
        if of_adapters:
            tried.append(_with(run, other_method, *of_adapters))
    if run.method != "qlora":
        if run.gpus > 1 and run.zero < 3:
            tried.append(("--zero 3", divided(run, 3, run.gpus)))
        for gpus in (count for count in ZERO_GPUS if count > run.gpus):
            tried.append((f"--zero 3 --gpus {gpus}", divided(run, 3, gpus)))
    if run.gpus > 1 and run.method != "qlora" and run.zero < 3:
        flags, qlora = _with(run, QLORA)
        tried.append((f"{flags} --zero 3", divided(qlora, 3, run.gpus)))
    found = []
    for name, other in tried:
        peak = finetuning_bytes(other).peak
        if verdict(other, peak, memory_bytes) != "refused":
            found.append(Change(name, other, peak))
    return found[:3]


def _gentle(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    """Changes that keep the method."""
    if run.checkpointing == "none":
        yield "--gradient-checkpointing", {"checkpointing": "full"}
    if run.batch_size > 1:
        yield "--batch-size 1", {"batch_size": 1}
    if run.optimizer == "adamw" and run.method == "full" and run.precision == "bf16":
        yield "--optimizer paged_adamw_8bit", {"optimizer": "paged_adamw_8bit"}
    if run.sequence_length > 1024:
        yield "--sequence-length 1024", {"sequence_length": 1024}


def _other_methods(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    if run.method == "full":
        yield "--method lora", {"method": "lora"}
    if run.method != "qlora":
        yield QLORA


def _with(run: Run, *changed: tuple[str, Mapping[str, Any]]) -> tuple[str, Run]:
    """The flags of these changes, and the run with exactly them."""
    settings = {name: value for _, each in changed for name, value in each.items()}
    return " ".join(flags for flags, _ in changed), divided(replace(run, **settings), run.zero, run.gpus)
