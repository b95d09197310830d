"""The flags of `vllm serve` that change GPU memory or decide whether it starts, one field each, without defaults.

To add a flag, add a field here and, for type checkers, a key in `EngineFlags`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.core.engine.flags import (
    SPECULATIVE_PARTS,
    Effect,
    EngineFlag,
    flag,
    flags_in,
    reject_speculative,
    speculative_config_of,
    video_frames_of,
)
from vllm_costmeter.core.errors import BadInputError, nearest

if TYPE_CHECKING:
    from vllm_costmeter.core.engine.typed_flags import EngineFlags

AUTO_MAX_MODEL_LEN = -1
"""`--max-model-len auto`, as in vLLM: the longest context that fits."""

WITHOUT_FULL_GRAPHS = frozenset({"NONE", "PIECEWISE"})
"""Values of `cudagraph_mode` that capture no full decode step (vLLM's `CUDAGraphMode`, 0.17 to 0.33)."""
GRAPH_MODES = ("NONE", "PIECEWISE", "FULL", "FULL_DECODE_ONLY", "FULL_AND_PIECEWISE")
"""`CUDAGraphMode` of vllm/config/compilation.py, 0.17 to 0.33."""
GRAPHS_OF_LEVEL: Mapping[str, str] = {"0": "NONE", "1": "PIECEWISE"}
"""`cudagraph_mode` by `--optimization-level` (OPTIMIZATION_LEVEL_00 and _01 of vllm/config/vllm.py, 0.17 to 0.33)."""


@dataclass(frozen=True, slots=True)
class ParallelConfig:
    """How one model is distributed over GPUs. World size = tensor x pipeline x data parallel size."""

    tensor_parallel_size: int = flag(
        1, "whole", "weights", "kv_layout", help="GPUs that split every layer", short="-tp"
    )
    pipeline_parallel_size: int = flag(
        1, "whole", "weights", "kv_layout", help="pipeline stages that split the layers", short="-pp"
    )
    data_parallel_size: int = flag(
        1, "whole", "weights", "kv_layout", help="replicas of the engine", short="-dp"
    )
    decode_context_parallel_size: int = flag(
        1, "whole", "weights", "kv_layout", help="GPUs that split each sequence's KV cache", short="-dcp"
    )
    enable_expert_parallel: bool = flag(
        False,
        "switch",
        "weights",
        "kv_layout",
        help="place whole experts on GPUs instead of splitting each",
        short="-ep",
    )

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
    max_model_len: int | None = flag(
        None, "length", "length", help="longest context in tokens; 32k, 32K or auto as in vLLM"
    )
    gpu_memory_utilization: float | None = flag(
        None, "share", "budget", help="fraction of GPU memory that vLLM may use"
    )
    kv_cache_memory_bytes: int | None = flag(
        None, "whole", "budget", help="KV cache size in bytes; overrides --gpu-memory-utilization"
    )
    max_num_seqs: int | None = flag(None, "whole", "batch", help="maximum number of concurrent sequences")
    num_gpu_blocks_override: int | None = flag(
        None, "whole", "budget", help="blocks of KV cache, whatever memory allows"
    )
    max_num_batched_tokens: int | None = flag(None, "whole", "batch", help="maximum tokens per step")
    performance_mode: str = flag("balanced", "text", "batch", "graphs", help="throughput doubles the batch")
    all2all_backend: str = flag("allgather_reducescatter", "text", "batch", help="how experts swap tokens")
    block_size: int | None = flag(None, "whole", "kv_blocks", help="tokens per KV cache block")
    dtype: str = flag("auto", "text", "weights", "kv_layout", help="auto, bfloat16, float16 or float32")
    quantization: str | None = flag(
        None, "text", "weights", help="quantization method, as in vLLM", short="-q"
    )
    kv_cache_dtype: str = flag("auto", "text", "kv_layout", help="auto, fp8, fp8_e4m3, ...")
    enforce_eager: bool = flag(False, "switch", "weights", "graphs", help="run without CUDA graphs")
    cudagraph_capture_sizes: tuple[int, ...] | None = flag(
        None, "wholes", "graphs", help="batch sizes to capture as CUDA graphs"
    )
    max_cudagraph_capture_size: int | None = flag(None, "whole", "graphs", help="largest batch to capture")
    cudagraph_mode: str | None = None
    """`cudagraph_mode` from --compilation-config, -O0 or -O1; None: vLLM's default, with full graphs."""
    encodes_alone: bool = False
    """Whether the encoder of images and audio runs alone: --mm-encoder-only, or a producer's --ec-transfer-config."""
    kv_cache_interleave_size: int = 1
    """Tokens in a row on one GPU of --decode-context-parallel-size; 1 where vLLM chooses it for a transfer."""
    video_frames: int | None = None
    """`num_frames` of a video in --limit-mm-per-prompt; None: the model's own."""
    cuda_graphs_in_budget: bool | None = None
    """VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS: whether that estimate is subtracted; None: the release's default."""
    chunked_local_hybrid: bool | None = None
    """VLLM_ALLOW_CHUNKED_LOCAL_ATTN_WITH_HYBRID_KV_CACHE; None: not set, which allows it."""
    second_runner: bool | None = None
    """VLLM_USE_V2_MODEL_RUNNER from 0.22 on, where it is set; None: as vLLM chooses."""
    first_runner_flags: tuple[str, ...] = ()
    """Flags given that the second model runner of some release lacks."""
    cpu_offload_gb: float = flag(0.0, "gibibytes", "offload", help="GiB of weights kept in host memory")
    enable_lora: bool = flag(False, "switch", "adapters", help="reserve memory for LoRA adapters")
    max_loras: int = flag(1, "whole", "adapters", help="maximum number of adapters in one batch")
    max_lora_rank: int = flag(16, "whole", "adapters", help="maximum adapter rank")
    enable_prefix_caching: bool | None = flag(
        None, "switch", "kv_layout", help="share KV cache blocks between requests"
    )
    disable_hybrid_kv_cache_manager: bool | None = flag(
        None, "switch", "kv_layout", help="size sliding-window layers as full attention"
    )
    kv_transfer_config: Mapping[str, Any] | None = flag(
        None, "object", "start", help="JSON: connector to other KV caches; may disable the hybrid manager"
    )
    kv_events_config: Mapping[str, Any] | None = flag(
        None, "object", "start", help="JSON: how changes of the KV cache are published"
    )
    kv_offloading_size: float | None = flag(
        None, "gibibytes", "start", help="GiB of host memory for evicted KV cache blocks"
    )
    kv_offloading_backend: str | None = flag(None, "text", "start", help="native or lmcache")
    limit_mm_per_prompt: Mapping[str, int] | None = flag(
        None, "limits", "weights", help="JSON: images, videos and audio clips per prompt"
    )
    language_model_only: bool = flag(False, "switch", "weights", help="omit vision and audio encoders")
    mamba_cache_dtype: str = flag("auto", "text", "kv_layout", help="dtype of convolution states")
    mamba_ssm_cache_dtype: str = flag("auto", "text", "kv_layout", help="dtype of recurrent states")
    gdn_prefill_backend: str | None = flag(
        None, "text", "kv_layout", help="kernels that prefill gated delta nets, as in vLLM"
    )
    kda_prefill_backend: str | None = flag(
        None, "text", "kv_layout", help="kernels that prefill Kimi delta attention, as in vLLM"
    )
    speculative_config: Mapping[str, Any] | None = flag(
        None, "object", "weights", "kv_layout", help="JSON: draft model and number of tokens", short="-sc"
    )
    attention_backend: str | None = flag(None, "text", "start", help="attention backend, as in vLLM")
    linear_backend: str | None = flag(None, "text", "start", help="kernels of linear layers, as in vLLM")
    disable_chunked_mm_input: bool = flag(
        False, "switch", "start", help="never split one image, video or audio clip over two steps"
    )
    allow_deprecated_quantization: bool = flag(
        False, "switch", "start", help="accept quantization methods that vLLM has deprecated"
    )
    enable_chunked_prefill: bool | None = flag(
        None, "switch", "start", help="process long prompts in several steps"
    )
    long_prefill_token_threshold: int = flag(
        0, "count", "start", help="prompts longer than this are long; 0: none is"
    )
    max_num_active_seqs: int | None = flag(
        None, "whole", "start", help="maximum number of sequences in one step"
    )
    max_cpu_loras: int | None = flag(None, "count", "start", help="adapters kept in host memory")
    prefill_context_parallel_size: int = flag(
        1, "whole", "start", help="GPUs that split each prompt", short="-pcp"
    )
    enable_eplb: bool = flag(False, "switch", "start", help="balance experts over GPUs by their load")
    eplb_config: Mapping[str, Any] | None = flag(None, "object", "start", help="JSON: expert balancing")
    mamba_cache_mode: str | None = flag(
        None, "text", "start", help="how recurrent states are cached, as in vLLM"
    )
    mamba_block_size: int | None = flag(None, "whole", "start", help="tokens per cached recurrent state")
    async_scheduling: bool | None = flag(
        None, "switch", "kv_windows", help="schedule a step while the one before still runs"
    )
    data_parallel_external_lb: bool = flag(
        False, "switch", "start", help="another balancer spreads requests over the replicas", short="-dpe"
    )
    runner: str = flag("auto", "text", "start", help="auto, generate, pooling or draft")
    model_impl: str = flag("auto", "text", "start", help="whose model code is used, as in vLLM")

    @property
    def may_turn_hybrid_manager_off(self) -> bool:
        """Whether any flag or variable other than its own may turn vLLM's hybrid KV cache manager off."""
        given = (self.kv_transfer_config, self.kv_events_config, self.kv_offloading_size)
        is_given = any(each is not None for each in (*given, self.speculative_config))
        return is_given or self.chunked_local_hybrid is False

    def affecting(self, *effects: Effect) -> dict[str, Any]:
        """Values, by field, of the flags that affect any of `effects`, without those of the layout."""
        return {name: getattr(self, name) for name in fields_affecting(*effects)}

    def only(self, *effects: Effect) -> EngineArgs:
        """A copy in which every flag that affects none of `effects` has its default."""
        kept = fields_affecting(*effects)
        return replace(self, **{each.field: each.default for each in FLAGS if each.field not in kept})


LAYOUT_FLAGS: tuple[EngineFlag, ...] = flags_in(ParallelConfig)
FLAGS: tuple[EngineFlag, ...] = flags_in(EngineArgs)
"""Flags other than those of the layout."""


def fields_affecting(*effects: Effect) -> tuple[str, ...]:
    """Fields of EngineArgs that affect any of `effects`, without those of the layout."""
    return tuple(each.field for each in FLAGS if each.affects.intersection(effects))


def engine_args_of(**given: Unpack[EngineFlags]) -> EngineArgs:
    """Validated flags, given under vLLM's names; None means not given.

    BadInputError for a value that vLLM would refuse, and for an unknown name, with the nearest known names.
    """
    known = {each.field: each for each in (*LAYOUT_FLAGS, *FLAGS)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name in SPECULATIVE_PARTS:
            continue
        if name not in known:
            raise BadInputError(f"{name[:60]} is not a flag that changes memory{nearest(name, known)}")
        values[name] = known[name].normalised(value)
        known[name].reject(values[name])
    whole = values.get("speculative_config")
    for name, key in SPECULATIVE_PARTS.items():
        if given.get(name) is not None and key in (whole or {}):
            raise BadInputError(
                f"{name} and the {key} of speculative_config exclude each other: leave one out"
            )
    values["speculative_config"] = speculative_config_of(whole, given)
    reject_speculative(values["speculative_config"])
    layout = {each.field: values.pop(each.field) for each in LAYOUT_FLAGS if each.field in values}
    frames = video_frames_of(given.get("limit_mm_per_prompt"))
    return EngineArgs(layout=ParallelConfig(**layout), video_frames=frames, **values)
