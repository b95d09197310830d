"""vLLM's EngineArgs and VllmConfig, read by attribute and translated once into our values (without importing vllm)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from vllm_costmeter.core import dataclass as dataclasses
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engine.args import (
    FLAGS,
    GRAPHS_OF_LEVEL,
    LAYOUT_FLAGS,
    WITHOUT_FULL_GRAPHS,
    EngineArgs,
    ParallelConfig,
)
from vllm_costmeter.core.engine.flags import (
    ENCODER_ALONE,
    INTERLEAVE,
    SPECULATIVE_PARTS,
    encodes_alone,
    interleave_size,
    prefill_backends_of,
    speculative_config_of,
    video_frames_of,
)
from vllm_costmeter.core.engine.runner_flags import first_runner_flags


@dataclass(frozen=True, slots=True)
class ServerShape:
    """What the meter needs to know about its server."""

    model_name: str
    engine_indexes: tuple[int, ...]
    gpus_per_engine: int
    """On all machines: `--headless` nodes run no API server, so the head node charges for their GPUs too."""
    local_gpus: int
    """GPUs of this server on this machine: the first of the visible devices. 0 if all its engines run elsewhere."""
    device_ids: tuple[int, ...] | None
    """The driver's indices selected by `--device-ids` (since 0.24), of which the server uses the first. None without
    it."""
    may_be_elsewhere: bool
    """Whether some of the local GPUs may be on other machines: Ray places its workers on any node."""
    api_process_rank: int
    api_process_count: int
    kv_cache_capacity_tokens: int | None
    """KV cache size of one engine in tokens, as vLLM logs it at start-up; None for a model without one."""


def server_shape(config: Any, engine_indexes: Sequence[int]) -> ServerShape:
    """Read once the engine is up. `engine_indexes` are the data-parallel ranks this server owns."""
    parallel = config.parallel_config
    served = config.model_config.served_model_name
    gpus_per_engine: int = parallel.world_size
    return ServerShape(
        model_name=served if isinstance(served, str) else served[0],
        engine_indexes=tuple(engine_indexes),
        gpus_per_engine=gpus_per_engine,
        local_gpus=_local_gpus(parallel, len(engine_indexes)),
        device_ids=None if _is_placed_by_ray(parallel) else _device_ids(parallel),
        may_be_elsewhere=_is_placed_by_ray(parallel),
        api_process_rank=max(getattr(parallel, "_api_process_rank", 0), 0),
        api_process_count=max(getattr(parallel, "_api_process_count", 1), 1),
        kv_cache_capacity_tokens=_kv_capacity(config.cache_config, len(engine_indexes)),
    )


def _local_gpus(parallel: Any, engines: int) -> int:
    """As `ParallelConfig.local_world_size` and `nnodes_within_dp` (vLLM 0.17 to 0.33): nodes are divided among the
    data-parallel groups first; only the remaining ones divide an engine."""
    local_engines: int = parallel.data_parallel_size_local
    if local_engines == 0:
        return 0
    groups_of_nodes = max(parallel.data_parallel_size // local_engines, 1)
    nodes_of_one_engine = max((getattr(parallel, "nnodes", 1) or 1) // groups_of_nodes, 1)
    gpus: int = parallel.world_size // nodes_of_one_engine * min(local_engines, engines)
    return gpus


def _device_ids(parallel: Any) -> tuple[int, ...] | None:
    """As resolved by `EngineArgs._resolve_device_ids` (vLLM 0.24 to 0.33)."""
    given = getattr(parallel, "assigned_physical_gpu_ids", None)
    return None if given is None else tuple(int(index) for index in given)


def device_ids_of_engine_args(args: Any) -> tuple[int | str, ...] | None:
    """`--device-ids` as given: positions among the visible GPUs, or UUIDs; None without it, or if Ray ignores it."""
    given = getattr(args, "device_ids", None)
    return None if not given or _is_placed_by_ray(args) else tuple(given)


def _is_placed_by_ray(parallel: Any) -> bool:
    """From EngineArgs or ParallelConfig: Ray assigns GPUs to workers itself. As `ParallelConfig.use_ray` (vLLM 0.17 to
    0.33), which also takes an executor class that says so, or data parallelism by Ray."""
    executor = getattr(parallel, "distributed_executor_backend", None)
    is_ray_class = isinstance(executor, type) and bool(getattr(executor, "uses_ray", False))
    return executor == "ray" or is_ray_class or getattr(parallel, "data_parallel_backend", None) == "ray"


def _kv_capacity(cache: Any, engines: int) -> int | None:
    """vLLM's own count if it has one (since 0.24); before, blocks (summed over engines) x block size."""
    tokens = getattr(cache, "kv_cache_size_tokens", None)
    if tokens:
        return int(tokens)
    blocks = getattr(cache, "num_gpu_blocks", None)
    block_tokens = getattr(cache, "block_size", None)
    if not blocks or not block_tokens:
        return None
    return int(blocks) // max(engines, 1) * int(block_tokens)


def plan_from_engine_args(args: Any) -> EngineArgs:
    """The flags as the user gave them: call before vLLM fills in its defaults. Flags this vLLM lacks keep ours."""
    layout = {flag.field: flag.normalised(getattr(args, flag.field, None)) for flag in LAYOUT_FLAGS}
    flags = {flag.field: flag.normalised(getattr(args, flag.field, None)) for flag in FLAGS}
    parts = {name: getattr(args, name, None) for name in SPECULATIVE_PARTS}
    flags["speculative_config"] = speculative_config_of(flags["speculative_config"], parts)
    flags["eplb_config"] = _balancing(flags["eplb_config"])
    flags["kv_transfer_config"] = _connector(flags["kv_transfer_config"])
    if flags["kv_events_config"] is not None:
        flags["kv_events_config"] = {}  # only whether it was given matters
    for name, named in prefill_backends_of(getattr(args, "additional_config", None)).items():
        flags[name] = named if flags[name] is None else flags[name]
    level = getattr(args, "optimization_level", None)
    flags["cudagraph_mode"] = _mode_name(args) or GRAPHS_OF_LEVEL.get(str(getattr(level, "value", level)))
    flags["video_frames"] = video_frames_of(getattr(args, "limit_mm_per_prompt", None))
    flags["first_runner_flags"] = first_runner_flags(lambda name: getattr(args, name, None))
    flags["encodes_alone"] = encodes_alone(*(getattr(args, name, None) for name in ENCODER_ALONE))
    flags["kv_cache_interleave_size"] = interleave_size(*(getattr(args, name, None) for name in INTERLEAVE))
    return EngineArgs(layout=ParallelConfig(**layout), **flags)


def fields_changed(args: Any, names: Collection[str]) -> dict[str, Any]:
    """Those of `names` that EngineArgs have with another value than vLLM's default: call before vLLM fills it in."""
    changed = {}
    for name, described in getattr(type(args), "__dataclass_fields__", {}).items():
        if name in names:
            made = described.default_factory
            default = made() if callable(made) else described.default
            if (value := getattr(args, name)) != default:
                changed[name] = value
    return changed


def _balancing(given: Any) -> Mapping[str, Any] | None:
    """What of `--eplb-config` decides a start; None where nothing of it was given. EngineArgs have vLLM's own object of
    all its values, which nothing past this door could compare or write."""
    if given is None or isinstance(given, Mapping):
        return given
    redundant = getattr(given, "num_redundant_experts", 0)
    return {"num_redundant_experts": redundant} if redundant else None


def _connector(given: Any) -> Mapping[str, Any] | None:
    """What of `--kv-transfer-config` decides about the KV cache's layout, from JSON or vLLM's own object."""
    if given is None or isinstance(given, Mapping):
        return given
    names = ("kv_connector", "kv_connector_module_path", "kv_connector_extra_config")
    return {name: getattr(given, name, None) for name in names}


def resolved_hybrid_manager(config: Any) -> bool | None:
    """Whether vLLM has turned its hybrid KV cache manager off (0.17 to 0.33); None where the config does not say."""
    resolved = getattr(config.scheduler_config, "disable_hybrid_kv_cache_manager", None)
    return resolved if isinstance(resolved, bool) else None


def served_name(args: Any) -> str:
    """The name under which EngineArgs will serve the model: the first of `--served-model-name`, otherwise the
    model's."""
    names: Any = getattr(args, "served_model_name", None) or getattr(args, "model", "")
    return str(names if isinstance(names, str) else names[0])


def with_resolved_defaults(engine_args: EngineArgs, config: Any) -> EngineArgs:
    """The flags with the batch sizes and the CUDA graph mode that vLLM chose for the GPU it runs on."""
    scheduler = config.scheduler_config
    mode = _mode_name(config) if getattr(config.model_config, "runner_type", None) != "pooling" else None
    is_without_full = mode in WITHOUT_FULL_GRAPHS and not engine_args.enforce_eager
    return dataclasses.replace(
        engine_args,
        max_num_seqs=scheduler.max_num_seqs,
        max_num_batched_tokens=scheduler.max_num_batched_tokens,
        cudagraph_mode=mode if is_without_full else engine_args.cudagraph_mode,
    )


def with_resolved_scheduling(engine_args: EngineArgs, config: Any) -> EngineArgs:
    """The flags with vLLM's decision on asynchronous scheduling, which 0.26 and newer reserve windows by."""
    decided = getattr(config.scheduler_config, "async_scheduling", None)
    return engine_args if decided is None else dataclasses.replace(engine_args, async_scheduling=decided)


def _mode_name(config: Any) -> str | None:
    """`cudagraph_mode` of the compilation config of EngineArgs or VllmConfig; None where it is left open."""
    mode = getattr(getattr(config, "compilation_config", None), "cudagraph_mode", None)
    name: str | None = getattr(mode, "name", None)
    return name


def with_resolved_drafter(engine_args: EngineArgs, config: Any) -> EngineArgs:
    """The drafter that vLLM found in the model's own files where no flag asked for one.

    A checkpoint in the format of `speculators` is the draft, and names the model that it drafts for
    (`maybe_override_with_speculators`, vLLM 0.17 to 0.33).
    """
    found = getattr(config, "speculative_config", None)
    if found is None or engine_args.speculative_config is not None:
        return engine_args
    asked = {
        "method": found.method,
        "model": found.model,
        "num_speculative_tokens": found.num_speculative_tokens,
    }
    return dataclasses.replace(engine_args, speculative_config=asked)


def spans_machines(config: Any) -> bool:
    """Whether some of the server's GPUs may be on other machines, whose number is unknown here."""
    parallel = config.parallel_config
    return (
        (getattr(parallel, "nnodes", 1) or 1) > 1
        or _is_placed_by_ray(parallel)
        or parallel.data_parallel_size_local < parallel.data_parallel_size
    )


def otlp_traces_endpoint(config: Any) -> str | None:
    """Where vLLM sends its traces (`--otlp-traces-endpoint`); None if nowhere."""
    endpoint = getattr(getattr(config, "observability_config", None), "otlp_traces_endpoint", None)
    return endpoint if isinstance(endpoint, str) else None


def is_on_cpu(config: Any) -> bool:
    """Whether this is vLLM's CPU platform, which has no GPU."""
    return bool(config.device_config.device_type == "cpu")


def plan_of_running(config: Any) -> EngineArgs:
    """One running engine as a plan: what its weights and KV cache are made of, from the resolved configuration."""
    parallel, cache = config.parallel_config, config.cache_config
    return EngineArgs(
        layout=ParallelConfig(parallel.tensor_parallel_size, parallel.pipeline_parallel_size),
        dtype=str(config.model_config.dtype).removeprefix("torch."),
        quantization=config.model_config.quantization,
        kv_cache_dtype=cache.cache_dtype,
        max_num_batched_tokens=config.scheduler_config.max_num_batched_tokens,
    )
