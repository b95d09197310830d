"""The result of a fit check: every byte on the fullest GPU, the verdict, and changes that make it fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import EngineConfig
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.above_budget import AboveBudget
from vllm_costmeter.core.model.model import Model

Verdict = Literal["fits", "tight", "refused", "unknown"]
Reason = Literal[
    "kv_cache",
    "weights",
    "free_memory",
    "tensor_parallel",
    "parallel_layout",
    "max_model_len",
    "gpu_count",
    "compute_capability",
    "dtype",
    "quantization",
    "kv_cache_dtype",
    "attention_backend",
    "max_num_batched_tokens",
    "prefix_caching",
    "speculative_config",
    "adapters",
    "cuda_graphs",
    "runner",
    "kv_cache_memory_bytes",
    "max_num_seqs",
    "first_start",
    "headroom",
    "above_budget",
    "release",
    "flags",
    "not_understood",
]

EXIT_CODES: Mapping[Verdict, int] = {"fits": 0, "tight": 0, "refused": 1, "unknown": 3}


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Bytes on the GPU with the least memory for its KV cache.

    budget = weights + activations + cuda_graphs + non_torch + kv_cache_available, exactly; kv_cache_available
    is negative if the rest alone exceeds the budget. With --kv-cache-memory-bytes the budget is that sum,
    because vLLM then ignores --gpu-memory-utilization.
    """

    budget_bytes: int
    weights_bytes: int
    """The tensors vLLM loads, and LoRA slots."""
    activations_bytes: int
    cuda_graphs_bytes: int
    """Bytes that this release subtracts from the budget for CUDA graphs; 0 if it subtracts nothing."""
    non_torch_bytes: int
    """CUDA context, NCCL, converted layouts of weights, and allocator rounding."""
    kv_cache_available_bytes: int
    kv_cache_needed_bytes: int


@dataclass(frozen=True, slots=True)
class KVCacheFacts:
    """The KV cache of one deployment, on the GPU with the least memory for it."""

    tokens: int
    """KV cache size as vLLM would log it at start, from the usual estimate of the available memory."""
    max_concurrency: float
    """Concurrent requests of `--max-model-len` tokens that the cache has room for; also logged at start."""
    bytes_per_token: int
    """Bytes for one more token of context; depends on the layout, not on the available memory."""
    tokens_range: tuple[int, int]
    """`tokens` at the low and high ends of the available memory. The verdict `fits` uses the low end."""


@dataclass(frozen=True, slots=True)
class FirstStart:
    """The KV cache after a start with an empty compile cache: the first one in a fresh container."""

    kv_cache_available_bytes: int
    kv_cache_available_range_bytes: tuple[int, int]
    kv_cache: KVCacheFacts


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One change that makes the deployment fit, already checked by `fit`."""

    change: Mapping[str, Any]
    """New values by field name."""
    arguments: str
    """The same as flags, to append to `vllm serve MODEL`."""
    verdict: Verdict
    max_model_len_that_fits: int
    usd_per_hour: float | None = None
    """Rent of the suggested GPUs together; None if unknown."""
    gpus: int = 1
    """GPUs that the deployment then uses."""
    price_as_of: str = ""
    """Date of that price; empty without one."""
    is_price_stale: bool = False


@dataclass(frozen=True, slots=True)
class Fit:
    """The result for one deployment. Fields that could not be computed are None."""

    verdict: Verdict
    reason: Reason | None
    message: str
    model: Model
    gpu: GpuGroup
    engine_args: EngineArgs
    engine: EngineConfig
    per_gpu: MemoryUse | None = None
    known_weights_bytes: int | None = None
    """Weights on one GPU if nothing else is known: a checkpoint of an architecture without rules."""
    known_budget_bytes: int | None = None
    """Bytes that vLLM may use on that GPU."""
    kv_cache_available_range_bytes: tuple[int, int] | None = None
    free_bytes: int | None = None
    """Lower bound of the free memory when vLLM starts: measured, or the total minus the CUDA context."""
    kv_cache: KVCacheFacts | None = None
    first_start: FirstStart | None = None
    """None if it equals later starts: nothing is compiled, or such starts were measured."""
    above_budget: AboveBudget | None = None
    """What the server uses of the GPU beyond its budget; None if its bytes are not known."""
    leaves_room: Suggestion | None = None
    """For `fits`: a smaller budget that also fits, if `above_budget` may exceed the GPU's memory."""
    max_model_len_that_fits: int | None = None
    """The longest --max-model-len that fits at the low end, including on a first start; 0: none."""
    max_num_seqs_that_fits: int | None = None
    """The largest --max-num-seqs that fits at the low end; 0: none; None: not computed."""
    changes: tuple[Mapping[str, Any], ...] | None = None
    """New values by field of EngineArgs, any of which may lift a refusal of the configuration; None: it is none."""
    suggestions: tuple[Suggestion, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    """The source of the bytes, by part."""
    rules: Mapping[str, str] = field(default_factory=dict)
    """The rule behind the bytes, with its evidence, by part."""
    notes: tuple[str, ...] = ()

    @property
    def is_refused(self) -> bool:
        return self.verdict == "refused"

    def exit_code(self, *, strict: bool = False) -> int:
        """0 fits or tight, 1 refused (with `strict` also tight), 3 unknown."""
        return 1 if strict and self.verdict == "tight" else EXIT_CODES[self.verdict]
