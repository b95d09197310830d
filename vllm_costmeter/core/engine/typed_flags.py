"""The flags of `core.engine.args` as keyword arguments, for type checkers and editors; unused at run time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict


class EngineFlags(TypedDict, total=False):
    """One key per field of ParallelConfig and EngineArgs, with the types it accepts."""

    tensor_parallel_size: int
    pipeline_parallel_size: int
    data_parallel_size: int
    decode_context_parallel_size: int
    enable_expert_parallel: bool
    max_model_len: int | None
    gpu_memory_utilization: float | None
    kv_cache_memory_bytes: int | None
    num_gpu_blocks_override: int | None
    max_num_seqs: int | None
    max_num_batched_tokens: int | None
    performance_mode: str
    all2all_backend: str
    block_size: int | None
    dtype: str
    quantization: str | None
    kv_cache_dtype: str
    enforce_eager: bool
    cudagraph_capture_sizes: Sequence[int] | None
    max_cudagraph_capture_size: int | None
    cpu_offload_gb: float
    enable_lora: bool
    max_loras: int
    max_lora_rank: int
    enable_prefix_caching: bool | None
    disable_hybrid_kv_cache_manager: bool | None
    kv_transfer_config: Mapping[str, Any] | None
    kv_events_config: Mapping[str, Any] | None
    kv_offloading_size: float | None
    kv_offloading_backend: str | None
    limit_mm_per_prompt: Mapping[str, int | Mapping[str, Any]] | None
    language_model_only: bool
    mamba_cache_dtype: str
    mamba_ssm_cache_dtype: str
    gdn_prefill_backend: str | None
    kda_prefill_backend: str | None
    speculative_config: Mapping[str, Any] | None
    attention_backend: str | None
    linear_backend: str | None
    disable_chunked_mm_input: bool
    allow_deprecated_quantization: bool
    enable_chunked_prefill: bool | None
    long_prefill_token_threshold: int
    max_num_active_seqs: int | None
    max_cpu_loras: int | None
    prefill_context_parallel_size: int
    enable_eplb: bool
    eplb_config: Mapping[str, Any] | None
    mamba_cache_mode: str | None
    mamba_block_size: int | None
    async_scheduling: bool | None
    data_parallel_external_lb: bool
    runner: str
    model_impl: str
    spec_method: str | None
    spec_model: str | None
    spec_tokens: int | None
