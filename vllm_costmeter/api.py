"""The check from Python: the same sources, arithmetic and values as `costmeter check`."""

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
    """Whether `model` (a local folder, a config.json, a GGUF file or a Hub id) fits `gpu`, with every byte per GPU.

    `gpu` is a catalogue name ("RTX 4090", "H100 SXM:8"), a `Gpu`, or None for the GPUs of this machine. `flags` are
    those of `vllm serve` with underscores that `costmeter check --help` lists, with -1 as "auto" for `max_model_len`.
    `vllm_version` picks the rules: the installed vLLM's by default, the newest known without one. BadInputError (a
    ValueError) for what cannot be meant; NotUnderstoodError for a model whose memory rules are not known.
    """
    engine_args = engine_args_of(**flags)
    if not isinstance(vllm_version, str | None):
        raise BadInputError(f"vllm_version must be text, got {vllm_version!r:.80}")
    chosen = gpu if isinstance(gpu, GpuGroup) else chosen_gpu(gpu, gpu_memory_gib, engine_args.layout)
    release = None if vllm_version is None else release_of(vllm_version)
    return assembled(str(model), chosen, engine_args, release=release, revision=revision).answer()
