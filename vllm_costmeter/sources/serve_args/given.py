"""Flags of `vllm serve` as they were given: what a check needs of a parsed command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vllm_costmeter.core.dataclass import dataclass, field, fields, replace
from vllm_costmeter.core.engine.args import GRAPH_MODES, GRAPHS_OF_LEVEL, EngineArgs, engine_args_of
from vllm_costmeter.core.engine.flags import (
    ENCODER_ALONE,
    INTERLEAVE,
    SPECULATIVE_PARTS,
    encodes_alone,
    interleave_size,
    prefill_backends_of,
)
from vllm_costmeter.core.engine.runner_flags import first_runner_flags
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.serve_args.flags import MEMORY_FLAGS

if TYPE_CHECKING:
    from vllm_costmeter.sources.vllm_cli.parse import ServeArgs

SPREAD = (
    "data_parallel_address",
    "data_parallel_rank",
    "data_parallel_size_local",
    "data_parallel_start_rank",
)
"""With one of these, other ranks run elsewhere: the GPUs given for the command are not all."""

BACKENDS = ("data_parallel_backend", "distributed_executor_backend")
"""With `ray`, ranks may run on every machine of the cluster."""

UNMODELLED = frozenset(
    """
    additional_config all2all_backend attention_backend attention_config aux_output_config
    compilation_config convert cpu_offload_params dcp_comm_backend dcp_q_replicate default_mm_loras
    diffusion_config disable_custom_all_reduce disable_sliding_window ec_manager_config
    enable_batch_sharded_sampling enable_bf16x3_router_gemm enable_cumem_allocator enable_dbo
    enable_elastic_ep enable_eplb enable_hc_sp enable_mamba_fine_grained_prefix_cache
    enable_mamba_shared_prefix_checkpoint enable_mixed_moe_lora_format enable_moe_shared_loras
    enable_prompt_embeds enable_return_routed_experts enable_sleep_mode enable_tower_connector_lora
    enable_trace_replay engram_config expert_placement_strategy fully_sharded_loras hf_config_path
    kda_decode_backend kernel_config kv_cache_dtype_skip_layers kv_sharing_fast_prefill logits_processors
    logprobs_mode lora_dtype lora_target_modules mamba_backend mamba_block_size mamba_cache_mode
    mamba_ssu_algorithm max_lora_cls_labels max_num_scheduled_tokens mm_device_do_normalize
    mm_encoder_attn_backend mm_encoder_attn_dtype mm_encoder_fp8_scale_path mm_encoder_tp_mode
    mm_ipc_gpu_memory_gb mm_processor_device mm_processor_kwargs mm_tensor_ipc model_class_overrides
    moe_backend monokernel offload_backend offload_group_size offload_num_in_group
    offload_params offload_prefetch_step optimization_level override_attention_dtype
    pooler_config prefill_context_parallel_size prefix_cache_retention_interval prefix_match_unit
    quantization_config replayssm_buffer_len return_sampling_mask runner skip_mm_profiling
    sleep_mode_backend sparse_indexer_topk_backend specialize_active_lora swa_bounded_replay ubatch_size
    use_fp64_gumbel use_gpu_for_pooling_score use_replayssm video_pruning_method video_pruning_rate
    watermark_config weight_transfer_config worker_cls worker_extension_cls
    """.split()  # noqa: SIM905 - quoted strings read worse than words
)
"""May affect memory in a way that the check does not model: accepted, with a note."""
_MEMORY = (*(flag.field for flag in MEMORY_FLAGS), *SPECULATIVE_PARTS)


@dataclass(frozen=True, slots=True)
class GivenFlags:
    """One command's flags. A field with its default value was not given."""

    memory: Mapping[str, Any] = field(default_factory=dict)
    """Flags that change GPU memory, by field of EngineArgs or ParallelConfig."""
    unmodelled: tuple[str, ...] = ()
    """Flags that may change GPU memory in a way the answer does not contain."""
    absent: tuple[str, ...] = ()
    """For each flag that the release refuses, one line with the release that dropped or brought it."""
    notes: tuple[str, ...] = ()
    """What vLLM passes over."""
    cudagraph_mode: str | None = None
    """As --compilation-config or --optimization-level sets it."""
    encodes_alone: bool = False
    """Whether it runs the encoder of images and audio alone."""
    first_runner_flags: tuple[str, ...] = ()
    """Flags given that the second model runner of some release lacks."""
    kv_cache_interleave_size: int = 1
    """As `--dcp-kv-cache-interleave-size` or `--cp-kv-cache-interleave-size` sets it."""
    hf_overrides: Mapping[str, Any] | None = None
    """Values put into the model's config.json."""
    revision: str | None = None
    hf_token: str | None = None
    device_ids: tuple[int | str, ...] | None = None
    """GPUs of this machine by number or UUID."""
    nnodes: int = 1
    spread: tuple[str, ...] = ()
    """Values of flags that put ranks on other machines."""
    backends: tuple[str, ...] = ()
    """Values of the flags that choose an executor."""

    def over(self, other: GivenFlags) -> GivenFlags:
        """These flags, and those of `other` that are not among them."""
        blank = GivenFlags()
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        given = {name: value for name, value in values.items() if value != getattr(blank, name)}
        given["memory"] = {**other.memory, **self.memory}
        given["unmodelled"] = tuple(sorted({*other.unmodelled, *self.unmodelled}))
        given["notes"] = tuple(dict.fromkeys((*other.notes, *self.notes)))
        given["first_runner_flags"] = tuple(sorted({*other.first_runner_flags, *self.first_runner_flags}))
        given["absent"] = tuple(dict.fromkeys((*other.absent, *self.absent)))
        return replace(other, **given)

    def engine_args(self) -> EngineArgs:
        """A flag that was not given keeps vLLM's default. BadInputError for values that vLLM rejects."""
        return replace(
            engine_args_of(**self.memory),
            cudagraph_mode=self.cudagraph_mode,
            encodes_alone=self.encodes_alone,
            first_runner_flags=self.first_runner_flags,
            kv_cache_interleave_size=self.kv_cache_interleave_size,
        )

    def local_gpus(self) -> tuple[int | str, ...] | None:
        """`--device-ids`; None without it, and with Ray, which ignores it (0.24 to 0.33)."""
        return None if "ray" in self.backends else self.device_ids

    @property
    def is_spread(self) -> bool:
        """Whether some ranks run on other machines than this command: on other nodes, or wherever Ray puts them."""
        return self.nnodes > 1 or bool(self.spread) or "ray" in self.backends


def given_flags(args: ServeArgs) -> GivenFlags:
    """The flags of a parsed command line. BadInputError for a value that vLLM rejects after parsing."""
    given = {name: value for name, value in args.values.items() if value is not None}
    for flag in MEMORY_FLAGS:
        if flag.field in given:
            flag.reject(flag.normalised(given[flag.field]), f"--{flag.name}")
    changed = [
        name
        for name in given
        if name in UNMODELLED
        and without_ours(given[name]) != args.flags.by_dest[name].default
        and not (name == "attention_config" and set(given[name]) == {"backend"})
    ]
    token = given.get("hf_token")
    return GivenFlags(
        memory={
            **prefill_backends_of(given.get("additional_config")),
            **{name: given[name] for name in _MEMORY if name in given},
            **_graph_sizes(given),
            **_attention_backend(given),
        },
        unmodelled=tuple(sorted(f"--{name.replace('_', '-')}" for name in changed)),
        notes=_notes(args, given),
        cudagraph_mode=_cudagraph_mode(given),
        encodes_alone=encodes_alone(*map(given.get, ENCODER_ALONE)),
        first_runner_flags=first_runner_flags(given.get),
        kv_cache_interleave_size=interleave_size(*map(given.get, INTERLEAVE)),
        hf_overrides=_overrides(given.get("hf_overrides")),
        revision=given.get("revision"),
        hf_token=token if isinstance(token, str) else None,
        device_ids=tuple(given["device_ids"]) if "device_ids" in given else None,
        nnodes=given.get("nnodes", 1),
        spread=tuple(str(given[name]) for name in SPREAD if name in given),
        backends=tuple(given[name] for name in BACKENDS if name in given),
    )


def without_ours(value: Any) -> Any:
    """A value without the plugin's own settings in --additional-config."""
    return {k: each for k, each in value.items() if k != "costmeter"} if isinstance(value, dict) else value


def unmodelled_note(cudagraph_mode: str | None, flag: str) -> str:
    """What an answer says about a flag of `UNMODELLED`."""
    if cudagraph_mode is not None and flag in ("--compilation-config", "--optimization-level"):
        return f"{flag}: {cudagraph_mode} is used for the limit of --max-num-seqs; the memory effect is not modelled"
    return f"{flag} may change GPU memory; its effect is not modelled"


def _overrides(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) and value else None


def _notes(args: ServeArgs, given: Mapping[str, Any]) -> tuple[str, ...]:
    lost = [name for name in args.repeated if isinstance(given.get(args.flags.by_name[name].dest), dict)]
    notes = [
        f"{name} is given more than once: vLLM takes the last, and none of the others' keys" for name in lost
    ]
    if given.get("lora_modules") and given.get("enable_lora"):
        rank = given.get("max_lora_rank", 16)
        notes.append(
            f"the adapters of --lora-modules are not read: a rank above --max-lora-rank {rank} stops vLLM"
        )
    if "num_gpu_blocks_override" in given:
        from vllm_costmeter.core.engine.config import FIRST_PLANNED_BLOCKS

        if args.flags.numbers < FIRST_PLANNED_BLOCKS:
            notes.append("--num-gpu-blocks-override sets blocks and tokens after vLLM has checked the memory")
    if "config" in given:
        notes.append(f"vLLM does not read {given['config']}: it looks for --config and the file as two words")
    return tuple(notes)


def _attention_backend(given: Mapping[str, Any]) -> dict[str, Any]:
    """The one that `--attention-config` states; beside the flag for it vLLM stops (`create_engine_config`, 0.17 to
    0.33)."""
    config = given.get("attention_config")
    stated = config.get("backend") if isinstance(config, dict) else None
    if not isinstance(stated, str):
        return {}
    if "attention_backend" in given:
        raise BadInputError(
            "--attention-backend and backend of --attention-config exclude each other: leave one out"
        )
    return {"attention_backend": stated}


def _graph_sizes(given: Mapping[str, Any]) -> dict[str, Any]:
    """Sizes that `--compilation-config` states. BadInputError where a flag of the same name is given too, as vLLM's
    `create_engine_config` forbids (0.17 to 0.33)."""
    config = given.get("compilation_config")
    names = ("cudagraph_capture_sizes", "max_cudagraph_capture_size")
    stated = {name: config[name] for name in names if config.get(name)} if isinstance(config, dict) else {}
    for name in stated:
        if name in given:
            flag = f"--{name.replace('_', '-')}"
            raise BadInputError(
                f"{flag} and {name} of --compilation-config exclude each other: leave one out"
            )
    return stated


def _cudagraph_mode(given: Mapping[str, Any]) -> str | None:
    """As `--compilation-config` names it, else as `--optimization-level` 0 and 1 set it (0.17 to 0.33).
    BadInputError for another level than those of `OptimizationLevel`, which vLLM refuses after parsing."""
    level = given.get("optimization_level")
    if level is not None:
        from vllm_costmeter.sources.vllm_cli.spelling import LEVELS

        if str(level) not in LEVELS:
            meant = f": -cc{level} is the flag" if str(level).startswith(".") else ""
            raise BadInputError(
                f"--optimization-level {level!s:.40} is not one of {', '.join(LEVELS)}{meant}"
            )
    config = given.get("compilation_config")
    mode = config.get("cudagraph_mode") if isinstance(config, dict) else None
    if isinstance(mode, str) and mode.upper() in GRAPH_MODES:
        return mode.upper()
    return GRAPHS_OF_LEVEL.get(str(level))
