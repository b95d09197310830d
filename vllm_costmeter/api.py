"""The check from Python: the same sources, arithmetic and values as `costmeter check`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vllm_costmeter.assembly import assembled
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.args_check import reject_wrong_values
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.gpu.target import chosen_gpu


def check(
    model: str | Path,
    gpu: str | GpuGroup | None = None,
    *,
    gpu_memory_gib: float | None = None,
    max_model_len: int | None = None,
    gpu_memory_utilization: float | None = None,
    tensor_parallel_size: int = 1,
    pipeline_parallel_size: int = 1,
    data_parallel_size: int = 1,
    decode_context_parallel_size: int = 1,
    enable_expert_parallel: bool = False,
    max_num_seqs: int | None = None,
    max_num_batched_tokens: int | None = None,
    block_size: int | None = None,
    dtype: str = "auto",
    quantization: str | None = None,
    kv_cache_dtype: str = "auto",
    kv_cache_memory_bytes: int | None = None,
    enforce_eager: bool = False,
    cudagraph_capture_sizes: Sequence[int] | None = None,
    max_cudagraph_capture_size: int | None = None,
    cpu_offload_gb: float = 0.0,
    enable_lora: bool = False,
    max_loras: int = 1,
    max_lora_rank: int = 16,
    enable_prefix_caching: bool | None = None,
    disable_hybrid_kv_cache_manager: bool = False,
    limit_mm_per_prompt: Mapping[str, int] | None = None,
    language_model_only: bool = False,
    mamba_cache_dtype: str = "auto",
    mamba_ssm_cache_dtype: str = "auto",
    speculative_config: Mapping[str, Any] | None = None,
    vllm_version: str | None = None,
    revision: str | None = None,
) -> Fit:
    """Whether `model` (a local folder, a config.json, a GGUF file or a Hub id) fits `gpu`, with every byte per GPU.

    `gpu` is a catalogue name ("RTX 4090", "H100 SXM:8"), a `GpuGroup`, or None for the cards of this machine; the other
    arguments are the flags of `vllm serve`, with -1 as "auto" for `max_model_len`. `vllm_version` picks the rules:
    the installed vLLM's by default, the newest known without one. BadInputError (a ValueError) for what cannot be
    meant; NotUnderstoodError for a model whose memory rules are not known.
    """
    layout = ParallelConfig(
        tensor_parallel_size,
        pipeline_parallel_size,
        data_parallel_size,
        decode_context_parallel_size,
        enable_expert_parallel,
    )
    engine_args = EngineArgs(
        layout=layout,
        max_model_len=max_model_len,
        gpu_memory_utilization=gpu_memory_utilization,
        kv_cache_memory_bytes=kv_cache_memory_bytes,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        block_size=block_size,
        dtype=dtype,
        quantization=quantization,
        kv_cache_dtype=kv_cache_dtype,
        enforce_eager=enforce_eager,
        cudagraph_capture_sizes=_as_tuple(cudagraph_capture_sizes),
        max_cudagraph_capture_size=max_cudagraph_capture_size,
        cpu_offload_gb=cpu_offload_gb,
        enable_lora=enable_lora,
        max_loras=max_loras,
        max_lora_rank=max_lora_rank,
        enable_prefix_caching=enable_prefix_caching,
        disable_hybrid_kv_cache_manager=disable_hybrid_kv_cache_manager,
        limit_mm_per_prompt=limit_mm_per_prompt,
        language_model_only=language_model_only,
        mamba_cache_dtype=mamba_cache_dtype,
        mamba_ssm_cache_dtype=mamba_ssm_cache_dtype,
        speculative_config=speculative_config,
    )
    reject_wrong_values(engine_args)
    if not isinstance(vllm_version, str | None):
        raise BadInputError(f"vllm_version must be text, got {vllm_version!r:.80}")
    chosen = gpu if isinstance(gpu, GpuGroup) else chosen_gpu(gpu, gpu_memory_gib, layout)
    release = None if vllm_version is None else release_of(vllm_version)
    return assembled(str(model), chosen, engine_args, release=release, revision=revision).answer()


def _as_tuple(sizes: Any) -> Any:
    """A list as the plan has it; what is none is left for the plan's own check."""
    return tuple(sizes) if isinstance(sizes, list) else sizes
