"""The answer of a fit check: every byte of the fullest GPU, the verdict, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import EngineConfig
from vllm_costmeter.core.gpu.group import GpuGroup
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
    "kv_cache_memory_bytes",
    "max_num_seqs",
    "first_start",
    "release",
    "not_understood",
]

EXIT_CODES: Mapping[Verdict, int] = {"fits": 0, "tight": 0, "refused": 1, "unknown": 3}


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Bytes on the GPU with the least room for its KV cache.

    budget = weights + activations + cuda_graphs + non_torch + kv_cache_available, exactly; kv_cache_available is
    negative where the rest alone exceeds the budget. With --kv-cache-memory-bytes the budget is that sum, because
    vLLM then goes by no other.
    """

    budget_bytes: int
    weights_bytes: int
    """The tensors vLLM loads, and LoRA slots."""
    activations_bytes: int
    cuda_graphs_bytes: int
    """What this version subtracts from the budget for CUDA graphs; 0 where it subtracts nothing."""
    non_torch_bytes: int
    """CUDA context, NCCL, and what lies beside the weights: converted layouts, the allocator's remainders."""
    kv_cache_available_bytes: int
    kv_cache_needed_bytes: int


@dataclass(frozen=True, slots=True)
class KVCacheFacts:
    """The KV cache of one deployment, on the GPU with the least room for it."""

    tokens: int
    """What this vLLM version would print at start, from the usual estimate of the memory available."""
    max_concurrency: float
    """Requests of `--max-model-len` that the cache holds at once; printed at start too."""
    bytes_per_token: int
    """What one more token of context needs: a fact of the layout, not of the memory available."""
    tokens_range: tuple[int, int]
    """`tokens` at the low and the high end of the memory available. A verdict `fits` rests on the low end."""


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What a start with an empty compile cache has: the first in a fresh container."""

    kv_cache_available_bytes: int
    kv_cache_available_range_bytes: tuple[int, int]
    kv_cache: KVCacheFacts


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One change that makes the deployment fit, already checked."""

    change: Mapping[str, Any]
    arguments: str
    """The change as it is pasted behind `vllm serve MODEL`."""
    verdict: Verdict
    max_model_len_that_fits: int
    usd_per_hour: float | None = None
    """What the suggested GPUs rent for, where a price is known."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One deployment's answer. Parts are None where the verdict is `unknown` and they could not be computed."""

    verdict: Verdict
    reason: Reason | None
    message: str
    model: Model
    gpu: GpuGroup
    engine_args: EngineArgs
    engine: EngineConfig
    per_gpu: MemoryUse | None = None
    known_weights_bytes: int | None = None
    """The weights of one GPU where they are all that is known of it (an architecture without rules, a checkpoint)."""
    known_budget_bytes: int | None = None
    """What vLLM may use of that GPU."""
    kv_cache_available_range_bytes: tuple[int, int] | None = None
    free_bytes: int | None = None
    """The least a GPU may have free when vLLM starts: measured, or its total less a driver's context."""
    kv_cache: KVCacheFacts | None = None
    first_start: FirstStart | None = None
    """None where it is as every other start: nothing is compiled, or such starts were measured."""
    max_model_len_that_fits: int | None = None
    """The longest --max-model-len that fits at the low end of the range, on a first start too; 0: none does."""
    max_num_seqs_that_fits: int | None = None
    """The largest --max-num-seqs that fits at the low end, all else as asked; 0: none does; None: not worked out."""
    suggestions: tuple[Suggestion, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    """By part: where its bytes come from."""
    rules: Mapping[str, str] = field(default_factory=dict)
    """By part: the rule that gave it, with its evidence."""
    notes: tuple[str, ...] = ()

    @property
    def is_refused(self) -> bool:
        return self.verdict == "refused"

    def exit_code(self, *, strict: bool = False) -> int:
        """0 serves, 1 refused (with `strict` also tight), 3 unknown."""
        return 1 if strict and self.verdict == "tight" else EXIT_CODES[self.verdict]
