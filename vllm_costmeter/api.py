"""The check as a Python function: same sources, arithmetic and values as `costmeter check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from vllm_costmeter.assembly import assembled
from vllm_costmeter.core.engine.args import engine_args_of
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.gpu.target import chosen_gpu

if TYPE_CHECKING:
    from vllm_costmeter.core.engine.typed_flags import EngineFlags


def check(
    model: str | Path,
    gpu: str | GpuGroup | None = None,
    *,
    gpu_memory_gib: float | None = None,
    vllm_version: str | None = None,
    revision: str | None = None,
    **flags: Unpack[EngineFlags],
) -> Fit:
    """Whether `model` (a local folder, config.json, GGUF file or Hub id) fits `gpu`, with every byte per GPU.

    `gpu` is a catalogue name ("RTX 4090", "H100 SXM:8"), a `Gpu`, or None for the GPUs of this machine.
    `flags` are the flags of `vllm serve` listed by `costmeter check --help`, with underscores;
    `max_model_len=-1` means "auto". `vllm_version` selects the rules; None: the installed vLLM, or the newest
    known release. `gpu_memory_gib` is the memory of one GPU in GiB, `revision` a branch, tag or commit on the
    Hub. BadInputError (a ValueError) for invalid input; NotUnderstoodError for an unknown kind of model.
    """
    engine_args = engine_args_of(**flags)
    if not isinstance(vllm_version, str | None):
        raise BadInputError(f"vllm_version must be text, got {vllm_version!r:.80}")
    chosen = gpu if isinstance(gpu, GpuGroup) else chosen_gpu(gpu, gpu_memory_gib, engine_args.layout)
    release = None if vllm_version is None else release_of(vllm_version)
    return assembled(str(model), chosen, engine_args, release=release, revision=revision).answer()
