"""What the operator asked vLLM for: the memory-relevant flags, before defaults are filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ParallelConfig:
    """How one model is spread over GPUs. World size = tensor x pipeline x data parallel."""

    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    data_parallel_size: int = 1
    decode_context_parallel_size: int = 1
    enable_expert_parallel: bool = False

    @property
    def world_size(self) -> int:
        """GPUs of the whole engine."""
        return self.tensor_parallel_size * self.pipeline_parallel_size * self.data_parallel_size

    def needs(self) -> str:
        """ "--tensor-parallel-size 4 x --data-parallel-size 2 needs 8 GPUs": the flags that are above 1."""
        sizes = {
            "--tensor-parallel-size": self.tensor_parallel_size,
            "--pipeline-parallel-size": self.pipeline_parallel_size,
            "--data-parallel-size": self.data_parallel_size,
        }
        flags = " x ".join(f"{flag} {size}" for flag, size in sizes.items() if size > 1)
        return f"{flags} needs {self.world_size} GPUs"


@dataclass(frozen=True, slots=True)
class EngineArgs:
    """One field per `vllm serve` flag of the same name; None means the flag was not given."""

    layout: ParallelConfig = field(default_factory=ParallelConfig)
    max_model_len: int | None = None
    gpu_memory_utilization: float | None = None
    kv_cache_memory_bytes: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    block_size: int | None = None
    dtype: str = "auto"
    quantization: str | None = None
    kv_cache_dtype: str = "auto"
    enforce_eager: bool = False
    cudagraph_capture_sizes: tuple[int, ...] | None = None
    max_cudagraph_capture_size: int | None = None
    cpu_offload_gb: float = 0.0
    enable_lora: bool = False
    max_loras: int = 1
    max_lora_rank: int = 16
    enable_prefix_caching: bool | None = None
    disable_hybrid_kv_cache_manager: bool = False
    limit_mm_per_prompt: Mapping[str, int] | None = None
    language_model_only: bool = False
    mamba_cache_dtype: str = "auto"
    mamba_ssm_cache_dtype: str = "auto"
    speculative_config: Mapping[str, Any] | None = None
