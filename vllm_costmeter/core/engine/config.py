"""The flags of a deployment after vLLM's defaults are filled in."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.core.dataclass import dataclass, fields
from vllm_costmeter.core.engine.args import AUTO_MAX_MODEL_LEN, EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release, Version

LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # MaxLoRARanks, vllm/config/lora.py, read in 0.32.0

GRAPH_CAPTURE_LIMIT = 512
"""min(2 * max_num_seqs * (1 + draft tokens), 512): `_set_cudagraph_sizes` of vllm/config/vllm.py, 0.17 to 0.33."""
BLACKWELL_CAPTURE_LIMIT, BLACKWELL_LIMIT_SINCE = 1024, (0, 28, 0)
"""The same on compute capability 10.x."""

BATCHED_EXCHANGES = frozenset({"deepep_low_latency", "nixl_ep"})
BATCHED_EXCHANGE_TOKENS = (
    256  # DEFAULT_MAX_NUM_BATCHED_TOKENS_FOR_BATCHED_DP, vllm/config/scheduler.py, 0.20 to 0.33
)

CUDA_SIZE_WITHOUT_NVML: Version = (0, 33, 0)
CARVE_OUT_ONLY: Version = (0, 24, 0)


FIRST_PLANNED_BLOCKS: Version = (0, 21, 0)
"""The first release that takes --num-gpu-blocks-override for the memory of the pool (`get_kv_cache_configs`, 0.21 to
0.33); before, it changes the blocks after the memory was checked."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Every flag that affects memory, resolved; fields are named as in `vllm serve`."""

    release: Release
    max_model_len: int
    gpu_memory_utilization: float
    max_num_seqs: int
    max_num_batched_tokens: int
    max_cudagraph_capture_size: int
    """0 if no CUDA graphs are captured."""
    layout: ParallelConfig
    dtype: str
    quantization: str | None

    @property
    def world_size(self) -> int:
        return self.layout.world_size


def resolve_engine(
    model: Model,
    gpu: GpuGroup,
    engine_args: EngineArgs,
    release: Release,
    *,
    max_model_len: int | None = None,
) -> EngineConfig:
    """Fill in the flags that were not given, as vLLM's API server does; `max_model_len` overrides the flag.

    BadInputError for values that vLLM rejects.
    """
    rules = engine_rules(release)
    utilization = engine_args.gpu_memory_utilization
    if utilization is None:
        utilization = rules.gpu_memory_utilization
    if not 0 < utilization <= 1:
        raise BadInputError(
            f"--gpu-memory-utilization must be above 0 and at most 1, got {utilization:g}: 0.9 is 90 % of the GPU"
        )
    _check_layout(engine_args.layout)
    if engine_args.max_lora_rank not in LORA_RANKS:
        raise BadInputError(
            f"--max-lora-rank must be one of {', '.join(map(str, LORA_RANKS))}, got {engine_args.max_lora_rank}"
        )
    if max_model_len is None:
        max_model_len = engine_args.max_model_len
    if max_model_len is not None and max_model_len < 1 and max_model_len != AUTO_MAX_MODEL_LEN:
        raise BadInputError(f"--max-model-len must be at least 1 (or auto), got {max_model_len}")
    if max_model_len is None or max_model_len == AUTO_MAX_MODEL_LEN:
        max_model_len = model.default_max_model_len
    least_default = _least_default(model, engine_args, release, max_model_len)
    seqs, batched = _batch(engine_args, gpu, release, max_model_len, least_default)
    return EngineConfig(
        release=release,
        max_model_len=max_model_len,
        gpu_memory_utilization=utilization,
        max_num_seqs=seqs,
        max_num_batched_tokens=batched,
        max_cudagraph_capture_size=_capture_size(engine_args, seqs, batched, _capture_limit(gpu, release)),
        layout=engine_args.layout,
        dtype=model.dtype if engine_args.dtype == "auto" else engine_args.dtype,
        quantization=engine_args.quantization or model.quantization,
    )


def default_batch(gpu: GpuGroup, release: Release, engine_args: EngineArgs) -> tuple[int, int]:
    """The API server's default (max_num_seqs, max_num_batched_tokens) on a GPU with these flags.

    Experts of data-parallel replicas that exchange whole batches (`use_batched_dp_moe`, from 0.20) have their own.
    Source: EngineArgs.get_batch_defaults, read in 0.17.0 to 0.33.0; A100 excluded since PR 17885 (2025-05).
    """
    seqs, batched = _default_batch_on(gpu, release)
    layout = engine_args.layout
    exchanges_batches = engine_args.all2all_backend in BATCHED_EXCHANGES and release.number >= (0, 20, 0)
    if exchanges_batches and layout.enable_expert_parallel and layout.data_parallel_size > 1:
        batched = BATCHED_EXCHANGE_TOKENS
    return (2 * seqs, 2 * batched) if engine_args.performance_mode == "throughput" else (seqs, batched)


def _default_batch_on(gpu: GpuGroup, release: Release) -> tuple[int, int]:
    seen = _size_seen_by_defaults(gpu, release)
    if seen >= 160 * GIB:
        return 1024, engine_rules(release).batched_tokens_from_160_gib
    if seen >= 70 * GIB and "a100" not in gpu.name.casefold():
        return 1024, 8192
    return 256, 2048


def _size_seen_by_defaults(gpu: GpuGroup, release: Release) -> int:
    """The memory in bytes by which vLLM chooses its default batch: less than the total on unified memory.

    GB10 and Jetson: NVML reports no size (`[N/A]` in nvidia-smi), which vLLM up to 0.32 takes as 0 (a 0.25.1
    log of a GB10 shows 2048). 0.33 asks CUDA instead, but excludes GB10 (`is_gb10`). Strix Halo: since 0.24
    amdsmi's VRAM, which is the BIOS carve-out, 0.5 to 96 GiB, not the larger part of the host's memory that
    HIP shows (`_query_total_memory_from_amdsmi`). A total of up to 96 GiB may be the carve-out.
    """
    kind = gpu.unified
    if kind == "gb10" or (kind in ("thor", "orin") and release.number < CUDA_SIZE_WITHOUT_NVML):
        return 0
    if kind == "strix_halo" and release.number >= CARVE_OUT_ONLY and gpu.memory_bytes > 96 * GIB:
        return 0
    return gpu.memory_bytes


def is_chunked_prefill(model: Model, engine_args: EngineArgs) -> bool:
    """Whether a long prompt is processed in several steps: as asked, and by default for everything but encoders.

    Sources: `is_chunked_prefill_supported` of vllm/config/model.py and `SchedulerConfig.__post_init__`, 0.17.0 to
    0.33.0. Decoders pooled by mean or by the first token are not told apart from other decoders.
    """
    if model.is_encoder_decoder:
        return False
    if engine_args.enable_chunked_prefill is not None:
        return engine_args.enable_chunked_prefill
    return not model.is_pooling or bool(model.attention.layers)


def _least_default(model: Model, engine_args: EngineArgs, release: Release, max_model_len: int) -> int:
    """The least default batch: of a prompt in one step, and of an image, video or clip in one."""
    items = model.unsplit_items
    of_items = 0 if items is None else items.least_default_batch(engine_args, release)
    return of_items if is_chunked_prefill(model, engine_args) else max(of_items, max_model_len)


def _batch(
    engine_args: EngineArgs, gpu: GpuGroup, release: Release, max_model_len: int, least_default: int
) -> tuple[int, int]:
    default_seqs, default_batched = default_batch(gpu, release, engine_args)
    seqs = engine_args.max_num_seqs if engine_args.max_num_seqs is not None else default_seqs
    batched = engine_args.max_num_batched_tokens
    if seqs < 1:
        raise BadInputError(f"--max-num-seqs must be at least 1, got {seqs}")
    if batched is None:
        batched = min(max(default_batched, least_default), seqs * max(max_model_len, 1))
    if batched < 1:
        raise BadInputError(f"--max-num-batched-tokens must be at least 1, got {batched}")
    if engine_args.max_num_seqs is None:
        seqs = min(seqs, batched)
    elif batched < seqs:
        raise BadInputError(
            f"--max-num-batched-tokens {batched} must not be below --max-num-seqs {seqs}: "
            "raise the first or lower the second"
        )
    return seqs, batched


def _check_layout(layout: ParallelConfig) -> None:
    for field in fields(layout):
        value = getattr(layout, field.name)
        if field.name.endswith("_size") and value < 1:
            raise BadInputError(f"--{field.name.replace('_', '-')} must be at least 1, got {value}")
    tensor, context = layout.tensor_parallel_size, layout.decode_context_parallel_size
    if tensor % context:
        raise BadInputError(
            f"--decode-context-parallel-size {context} must divide --tensor-parallel-size {tensor}: it splits them"
        )


def captured_sizes(stated: Sequence[int], batched: int) -> list[int]:
    """The sizes that vLLM captures of those it was given: each once, and none above a batch (`_set_cudagraph_sizes`,
    0.17 to 0.33)."""
    return sorted({size for size in stated if size <= batched})


def _capture_limit(gpu: GpuGroup, release: Release) -> int:
    is_datacenter_blackwell = gpu.compute_capability is not None and gpu.compute_capability[0] == 10
    if is_datacenter_blackwell and release.number >= BLACKWELL_LIMIT_SINCE:
        return BLACKWELL_CAPTURE_LIMIT
    return GRAPH_CAPTURE_LIMIT


def _capture_size(engine_args: EngineArgs, seqs: int, batched: int, limit: int) -> int:
    if engine_args.enforce_eager:
        return 0
    if engine_args.cudagraph_capture_sizes is not None:
        return max(captured_sizes(engine_args.cudagraph_capture_sizes, batched), default=0)
    if engine_args.max_cudagraph_capture_size is not None:
        return min(engine_args.max_cudagraph_capture_size, batched)
    drafted = (engine_args.speculative_config or {}).get("num_speculative_tokens") or 0
    return min(2 * seqs * (1 + drafted), limit, batched)


def has_stated_pool(engine_args: EngineArgs) -> bool:
    """Whether flags state the size of the KV cache."""
    return engine_args.kv_cache_memory_bytes is not None or engine_args.num_gpu_blocks_override is not None
