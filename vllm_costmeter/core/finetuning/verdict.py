"""Whether a fine-tuning run fits a GPU, and which single changes would make it fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.finetuning.blocks import MEASURED
from vllm_costmeter.core.finetuning.memory import finetuning_bytes
from vllm_costmeter.core.finetuning.run import Run
from vllm_costmeter.core.gpu.spec import GpuSpec

Verdict = Literal["fits", "tight", "refused", "unknown"]

MARGINS: Mapping[str, float] = {"transformers": 1.14, "torchtune": 1.2, "litgpt": 1.5, "several GPUs": 1.21}
"""The largest underestimate over the measured runs, as a factor on the peak: by framework on one GPU, and of
Transformers on several."""
ZERO_GPUS = (2, 4, 8)


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
    singles = [*_gentle(run)]
    lean, flags = run, []
    for name, settings in singles:
        lean = replace(lean, **settings)
        flags.append(name)
    tried = [(name, replace(run, **settings)) for name, settings in singles]
    if len(flags) > 1:
        tried.append((" ".join(flags), lean))
    for name, settings in _other_methods(run):
        tried.append((name, replace(run, **settings)))
        if flags:
            tried.append((" ".join((name, *_kept(flags))), replace(lean, **settings)))
    if run.method != "qlora":
        if run.gpus > 1 and run.zero < 3:
            tried.append(("--zero 3", _sharded(run, run.gpus)))
        for gpus in (count for count in ZERO_GPUS if count > run.gpus):
            tried.append((f"--zero 3 --gpus {gpus}", _sharded(run, gpus)))
    if run.gpus > 1 and run.method != "qlora" and run.zero < 3:
        qlora = replace(run, method="qlora", precision="bf16", in_half=False, weights="nf4-dq", zero=3)
        tried.append(("--method qlora --zero 3", qlora))
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
        yield "--method lora", {"method": "lora", "precision": "bf16", "in_half": False}
    if run.method != "qlora":
        qlora = {"method": "qlora", "precision": "bf16", "in_half": False, "weights": "nf4-dq"}
        yield "--method qlora", qlora


def _kept(flags: list[str]) -> list[str]:
    """Without the optimizer's: adapters have few states."""
    return [flag for flag in flags if "optimizer" not in flag]


def _sharded(run: Run, gpus: int) -> Run:
    is_full = run.method == "full"
    optimizer = "adamw" if is_full else run.optimizer
    precision = "deepspeed" if is_full else run.precision
    return replace(run, zero=3, gpus=gpus, precision=precision, in_half=is_full, optimizer=optimizer)
