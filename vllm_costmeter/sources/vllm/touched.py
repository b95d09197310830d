"""Everything of vLLM that the plugin wraps, reads or is called by, and what goes without it where it is missing.

The plugin probes this list when a server starts; `make upstream` compares it between releases. `since` is the
first release that has a thing; all later ones to 0.33.0 have it (read in their sources, 2026-11-28).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.release import OLDEST_SUPPORTED, Version

WITHOUT: Mapping[str, str] = {
    "flags": "its flags are not in `vllm serve`; enable it with VLLM_PLUGINS or --additional-config.costmeter",
    "check": "there is no memory check before the model loads",
    "assumed": "the memory check takes vLLM's default in its place",
    "meter": "the meter does not run",
    "quiet": "statistics are collected at each step even where the meter is off",
    "endpoint": "GET /costmeter is there only if vLLM builds its application as the releases before 0.26 do",
    "sleep": "time asleep is charged as idle",
    "operations": "how long it takes to start, sleep or wake up is not measured",
    "workers": "the workers' memory is not measured",
    "cache": "the use of the KV cache is not shown",
    "phases": "prefill and decode have no separate prices",
    "work": "vLLM's own work estimates are not used",
    "adapters": "the cost of LoRA adapters is not told apart",
    "drafts": "rejected draft tokens are not counted",
    "requests": "the cost of single requests is not shown",
    "spans": "spans do not have the cost of their requests",
    "aborts": "aborted requests are not counted, and their cost is unattributed",
    "tenants": "tenants are not told apart, and single requests have no price",
    "traces": "metrics are pushed over OTLP only where --costmeter-otlp names a receiver",
    "exact": "exact mode is not available",
}
"""By part of the plugin, what is lost without it."""


@dataclass(frozen=True, slots=True)
class Touched:
    """Names of one owner that the same parts need."""

    parts: str
    """The parts that go without it, in a line."""
    module: str
    owner: str
    """A class of the module; empty for names of the module itself."""
    names: str
    """Attributes, methods or functions, in a line."""
    at: str | None = None
    """Where a VllmConfig has an object of this class; empty: it is one. None: found by module and name."""
    since: Version = OLDEST_SUPPORTED

    def __iter__(self) -> Iterator[str]:
        return iter(self.names.split())

    def is_in(self, release: Version) -> bool:
        """Whether that release has it; a newer one than all that were read is expected to have what the newest has."""
        return self.since <= release


_LOGGERS, _STATS = "vllm.v1.metrics.loggers", "vllm.v1.metrics.stats"
_OUTPUTS = "vllm.v1.engine.output_processor"
_ENGINE_ARGS, _PLUGINS = "vllm.engine.arg_utils", "vllm.plugins"

HOOKS = (
    Touched("flags", _ENGINE_ARGS, "EngineArgs", "add_cli_args"),
    Touched("check", _ENGINE_ARGS, "EngineArgs", "create_engine_config"),
    Touched("quiet", _PLUGINS, "", "load_plugins_by_group"),
    Touched("endpoint", _PLUGINS, "", "load_endpoint_plugins", since=(0, 26, 0)),
    Touched("workers", "vllm.v1.worker.worker_base", "WorkerWrapperBase", "initialize_from_config"),
    Touched("meter", _LOGGERS, "", "AggregateStatLoggerBase"),
    Touched("aborts", _OUTPUTS, "OutputProcessor", "abort_requests"),
    Touched("operations", "vllm.v1.engine.async_llm", "AsyncLLM", "sleep wake_up"),
    Touched("operations", "vllm.entrypoints.launchers.api_server.entry", "", "serve_http", since=(0, 29, 0)),
    Touched("spans", _OUTPUTS, "OutputProcessor", "do_tracing"),
    Touched("spans", _OUTPUTS, "", "instrument_manual"),
    Touched("tenants", _OUTPUTS, "OutputProcessor", "add_request _update_stats_from_finished"),
)
"""What is wrapped or inherited: probed by name where it is hooked."""

CALLS = (
    Touched("meter", _LOGGERS, "AggregateStatLoggerBase", "__init__ record"),
    Touched("sleep", _LOGGERS, "AggregateStatLoggerBase", "record_sleep_state"),
    Touched(
        "endpoint",
        "vllm.plugins.endpoint_plugins.interface",
        "EndpointPlugin",
        "name required_tasks attach_router init_state",
        since=(0, 26, 0),
    ),
)
"""What vLLM calls: ours take any further arguments."""

CONFIGURATION = (
    Touched("meter", "vllm.config.model", "ModelConfig", "served_model_name", "model_config"),
    Touched(
        "meter",
        "vllm.config.parallel",
        "ParallelConfig",
        "world_size data_parallel_size data_parallel_size_local distributed_executor_backend data_parallel_backend "
        "nnodes _api_process_rank _api_process_count",
        "parallel_config",
    ),
    Touched(
        "meter",
        "vllm.config.parallel",
        "ParallelConfig",
        "assigned_physical_gpu_ids",
        "parallel_config",
        since=(0, 24, 0),
    ),
    Touched("meter check", "vllm.config.device", "DeviceConfig", "device_type", "device_config"),
    Touched("cache", "vllm.config.cache", "CacheConfig", "block_size num_gpu_blocks", "cache_config"),
    Touched(
        "cache", "vllm.config.cache", "CacheConfig", "kv_cache_size_tokens", "cache_config", since=(0, 24, 0)
    ),
    Touched(
        "check phases",
        "vllm.config.model",
        "ModelConfig",
        "model hf_config hf_config_path quantization",
        "model_config",
    ),
    Touched(
        "assumed", "vllm.config.model", "ModelConfig", "model_weights revision runner_type", "model_config"
    ),
    Touched(
        "check",
        "vllm.config.scheduler",
        "SchedulerConfig",
        "max_num_seqs max_num_batched_tokens",
        "scheduler_config",
    ),
    Touched(
        "assumed",
        "vllm.config.scheduler",
        "SchedulerConfig",
        "async_scheduling disable_hybrid_kv_cache_manager",
        "scheduler_config",
    ),
    Touched("assumed", "vllm.config.vllm", "VllmConfig", "compilation_config", ""),
    Touched("check", "vllm.config.vllm", "VllmConfig", "speculative_config", ""),
    Touched(
        "assumed", "vllm.config.compilation", "CompilationConfig", "cudagraph_mode", "compilation_config"
    ),
    Touched(
        "check",
        "vllm.config.parallel",
        "ParallelConfig",
        "data_parallel_size data_parallel_size_local distributed_executor_backend",
        "parallel_config",
    ),
    Touched(
        "check",
        "vllm.config.speculative",
        "SpeculativeConfig",
        "method model num_speculative_tokens",
        "speculative_config",
    ),
    Touched("phases", "vllm.config.model", "ModelConfig", "dtype", "model_config"),
    Touched("phases", "vllm.config.cache", "CacheConfig", "cache_dtype", "cache_config"),
    Touched(
        "phases",
        "vllm.config.parallel",
        "ParallelConfig",
        "tensor_parallel_size pipeline_parallel_size",
        "parallel_config",
    ),
    Touched(
        "phases", "vllm.config.scheduler", "SchedulerConfig", "max_num_batched_tokens", "scheduler_config"
    ),
    Touched(
        "work",
        "vllm.config.observability",
        "ObservabilityConfig",
        "enable_mfu_metrics",
        "observability_config",
    ),
    Touched(
        "traces",
        "vllm.config.observability",
        "ObservabilityConfig",
        "otlp_traces_endpoint",
        "observability_config",
    ),
)
"""Fields of a VllmConfig: probed on the one that the server has."""

STATISTICS = (
    Touched("meter", _STATS, "SchedulerStats", "num_running_reqs"),
    Touched(
        "meter",
        _STATS,
        "IterationStats",
        "iteration_timestamp num_generation_tokens prompt_token_stats time_to_first_tokens_iter",
    ),
    Touched("meter", _STATS, "PromptTokenStats", "computed cached_tokens"),
    Touched("cache phases", _STATS, "SchedulerStats", "kv_cache_usage"),
    Touched("adapters", _STATS, "SchedulerStats", "running_lora_adapters"),
    Touched("drafts", _STATS, "SchedulerStats", "spec_decoding_stats"),
    Touched("work", _STATS, "SchedulerStats", "perf_stats"),
    Touched("requests", _STATS, "IterationStats", "finished_requests"),
    Touched("aborts", _OUTPUTS, "OutputProcessor", "request_states"),
    Touched("aborts", _OUTPUTS, "RequestState", "prompt_len num_cached_tokens is_prefilling stats"),
    Touched("aborts", _STATS, "RequestStateStats", "num_generation_tokens"),
    Touched("tenants", _OUTPUTS, "RequestState", "external_req_id lora_name"),
    Touched("tenants", "vllm.v1.engine", "EngineCoreRequest", "request_id"),
    Touched(
        "requests",
        _STATS,
        "FinishedRequestStats",
        "inference_time num_cached_tokens num_generation_tokens num_prompt_tokens finish_reason",
    ),
    Touched(
        "drafts", "vllm.v1.spec_decode.metrics", "SpecDecodingStats", "num_draft_tokens num_accepted_tokens"
    ),
    Touched(
        "work",
        "vllm.v1.metrics.perf",
        "PerfStats",
        "num_flops_per_gpu num_read_bytes_per_gpu num_write_bytes_per_gpu",
    ),
    Touched(
        "work",
        "vllm.v1.metrics.perf",
        "ModelMetrics",
        "is_enabled get_num_flops get_read_bytes get_write_bytes",
    ),
    Touched("work", "vllm.v1.metrics.perf", "ExecutionContext", "from_single_request"),
)
"""What a step reports: probed in the classes before the first."""

WORKERS = (
    Touched("workers", "vllm.v1.worker.worker_base", "WorkerWrapperBase", "worker global_rank"),
    Touched("workers", "vllm.v1.worker.gpu_worker", "Worker", "model_runner"),
    Touched("workers", "vllm.v1.worker.gpu_model_runner", "GPUModelRunner", "model_memory_usage model"),
    Touched("workers", "vllm.v1.kv_cache_interface", "KVCacheConfig", "kv_cache_tensors"),
    Touched("workers", "vllm.v1.kv_cache_interface", "KVCacheTensor", "size"),
)
"""Read in each worker once its cache is allocated; one that is missing is one line there."""
