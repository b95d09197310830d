"""Cache blocks that full CUDA graphs of a model with recurrent layers need: one per concurrent request.

A captured decode step writes one recurrent state for every request of the batch, so vLLM 0.20 and newer stop a start
whose pool has fewer blocks than `--max-num-seqs` ("max_num_seqs (1024) exceeds available Mamba cache blocks (856)",
`CompilationConfig.resolve_cudagraph_mode_and_sizes` of 0.20.0 to 0.33.0, the same text in all). The blocks are those of
the pool that all layers share, the null block included, the fewest over all workers; equality starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engine.args import WITHOUT_FULL_GRAPHS
from vllm_costmeter.core.kv_cache.planner import KVCache, PoolBytes
from vllm_costmeter.core.model.attention import GatedDeltaState, LightningState, ModelAttention

UNEXPLAINED_SHARE = 0.08
"""How many fewer blocks than the low end a start may have. Qwen3.8-27B-FP8 on an RTX PRO 6000 logged 939 (vLLM recipes,
pull request 831, 2026-08; flags not stated): 6 % below the prediction with prediction layers, 17 % without."""


@dataclass(frozen=True, slots=True)
class BlocksNeeded:
    """What a start needs so that its full CUDA graphs can be captured."""

    blocks: int
    is_certain: bool
    """False where vLLM drops full graphs with some attention backends, and which one it takes is not known."""

    def are_in(self, cache: KVCache, pool_bytes: PoolBytes, length_tokens: int) -> bool:
        return cache.capacity(length_tokens, pool_bytes).num_blocks >= self.blocks


def blocks_needed(
    cache: KVCache,
    attention: ModelAttention | None,
    *,
    max_num_seqs: int,
    max_capture_size: int,
    cudagraph_mode: str | None,
    speculative_config: Mapping[str, Any] | None,
    kv_cache_dtype: str,
    compute_capability: tuple[int, int] | None,
) -> BlocksNeeded | None:
    """None where no full graph is captured, nothing recurrent is cached, or this release has no such rule.

    `max_capture_size` is 0 in eager mode. `attention` is None for a model that only vLLM itself counted.
    """
    is_full = cudagraph_mode not in WITHOUT_FULL_GRAPHS
    if max_capture_size == 0 or not is_full or not cache.holds_states:
        return None
    states = set() if attention is None else set().union(*attention.layers)
    match cache.rules.full_graph_blocks:
        case "per_request":
            needed = max_num_seqs
        case "per_captured_request" if any(isinstance(state, GatedDeltaState) for state in states):
            needed = min(max_num_seqs, max_capture_size)
        case _:
            return None
    if not speculative_config:
        return BlocksNeeded(needed, is_certain=True)
    if any(isinstance(state, LightningState) for state in states):
        return None  # its backend verifies single tokens only (UNIFORM_SINGLE_TOKEN): piecewise graphs alone
    return BlocksNeeded(needed, is_certain=not _flashinfer_may_serve(kv_cache_dtype, compute_capability))


def _flashinfer_may_serve(kv_cache_dtype: str, compute_capability: tuple[int, int] | None) -> bool:
    """Whether FlashInfer may be the backend, which verifies single tokens only without TRT-LLM's kernels.

    `--kv-cache-dtype fp8` on GPUs without FlashAttention 3, `vllm/platforms/cuda.py` of 0.20.0 to 0.33.0; with
    compute capability 10 TRT-LLM's kernels are there.
    """
    is_fp8 = kv_cache_dtype.startswith("fp8")
    return is_fp8 and (compute_capability is None or compute_capability[0] not in (9, 10))
