"""Memory that a serving vLLM uses on its GPU beyond its budget (gpu_memory_utilization times the total).

The KV cache fills whatever profiling left of the budget. What exists before vLLM's first memory snapshot is outside the
budget, and so is what is allocated after the cache: CUDA-graph capture beyond vLLM's estimate, workspaces of
attention backends, kernel warm-ups, and sampling passes that no profile run made. A server whose budget leaves less
than this may end in an OutOfMemory after its start. In the order of `Worker` in vllm/v1/worker/gpu_worker.py, read in
0.17.0 to 0.33.0; amounts from the logs named beside each.

Not included: images beyond the profiled ones, prompt logprobs and grammar masks.
"""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import GRAPH_CAPTURE_LIMIT, EngineConfig
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import GIB, ByteRange, exactly, gib
from vllm_costmeter.core.memory.ranks import Memory
from vllm_costmeter.core.model.attention import MlaLatent
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Version

Gib = tuple[float, float, float]

NVLINK_BEFORE_GIB: Gib = (0.1, 1.0, 1.6)
"""Beyond the CUDA context: 1.02 to 1.56 GiB in 12 starts at TP 2 and 4 on H100 SXM (77.66 to 77.12 of 79.19 GiB free),
0.1 on H200."""
PIPELINE_BEFORE_GIB: Gib = (0.1, 0.95, 1.0)  # 0.92 and 0.97 at PP 2 and 4 on H100 SXM
PCIE_BEFORE_GIB: Gib = (0.0, 0.15, 0.7)  # 0.1 on 8 x RTX 3090 and 4 x R9700, 0.67 on RTX PRO 6000

UNESTIMATED_V1_GIB: Gib = (0.3, 0.65, 1.85)
"""Capture at size 512 before 0.20: 0.29 to 1.84 GiB in 60 logs; the median of 22 on GPUs other than H100."""
UNESTIMATED_V2_GIB: Gib = (0.1, 0.35, 0.95)  # runner V2 of 0.25 to 0.28: 0.04 to 0.94 in logs of one GPU
UNESTIMATED_SEVERAL_MOST_GIB = 4.1  # 2.37 on 2 x H200, 4.13 on 4 x GB200; 8 x L40S ran out of 3.5 (0.25.1)
INSTINCT_GIB = 3.8  # MI300X: 3.74 with 0.23.0, 3.9 with 0.29.1
BEYOND_ESTIMATE_GIB: Gib = (0.0, 0.05, 0.7)
"""Capture less vLLM's estimate: at most 0 in 17 of 34 logs of 0.20 to 0.33, above 0.7 in two."""

FLASHINFER_GIB = 394 / 1024  # VLLM_FLASHINFER_WORKSPACE_BUFFER_SIZE, 0.17 to 0.33
MLA_CONTEXT_TOKENS = 65536  # MLACommonMetadataBuilder.determine_chunked_prefill_workspace_size, 0.17 to 0.33
TACTICS_GIB = 0.5  # at most, FlashInfer's autotune, compute capability 9.0 and newer; no log separates it
PROFILE_ERROR_GIB: Gib = (0.0, 0.0, 0.15)  # vLLM's own allowance of 150 MiB (gpu_worker.py, 0.17 to 0.33)

SAMPLER_BYTES_PER_LOGIT = 14
"""Logits in 16 bits and three float32 copies: penalties, top-k and top-p."""
SAMPLER_UNPROFILED: tuple[Version, Version] = ((0, 25, 0), (0, 33, 0))
"""Runner V2's profile run samples without penalties and top-k, its warm-up and requests with them. Runner V1 profiles
all passes, so that its activations already cover them."""


@dataclass(frozen=True, slots=True)
class AboveBudget:
    """Bytes beyond the budget on one GPU."""

    parts: Mapping[str, ByteRange]
    left_bytes: int
    """What the budget leaves of the GPU's memory."""

    @property
    def bytes(self) -> int:
        """The usual total."""
        return sum(part.bytes for part in self.parts.values())

    @property
    def range_bytes(self) -> tuple[int, int]:
        """Least and most in total, every part at that end: 2,860 MiB were measured on one GPU."""
        parts = self.parts.values()
        return sum(part.low_bytes for part in parts), sum(part.high_bytes for part in parts)

    @property
    def usually_exceeds(self) -> bool:
        """Whether the GPU's memory is too small at the usual total."""
        return self.bytes > self.left_bytes

    @property
    def may_exceed(self) -> bool:
        """Whether the GPU's memory is too small at the highest total."""
        return self.range_bytes[1] > self.left_bytes


def above_budget(
    model: Model, gpu: GpuGroup, engine: EngineConfig, engine_args: EngineArgs, memory: Memory
) -> AboveBudget:
    """What the last pipeline rank, which samples, uses beyond its budget, part by part."""
    rank = memory.ranks[-1]
    outside = ByteRange(
        memory.total_bytes - memory.free.bytes,
        memory.total_bytes - memory.free.high_bytes,
        memory.total_bytes - memory.free.low_bytes,
        "CUDA context, and what other programs hold, before vLLM's first snapshot",
    )
    parts = {
        "outside": outside,
        "communication": _communication(gpu, engine),
        "cuda_graphs": _capture(gpu, engine, rank.cuda_graphs),
        "workspaces": _workspaces(
            model, gpu, engine, engine_args, is_estimated=bool(rank.cuda_graphs.high_bytes)
        ),
        "warm_up": _warm_up(gpu),
        "sampler": _sampler(model, engine, rank.activations),
    }
    kept = {name: part for name, part in parts.items() if part.high_bytes}
    return AboveBudget(kept, memory.total_bytes - rank.spent_bytes)


def _ranged(amount: Gib, rule: str, share: float = 1.0) -> ByteRange:
    low, usual, high = amount
    return ByteRange(gib(usual * share), gib(low * share), gib(high * share), rule)


def _communication(gpu: GpuGroup, engine: EngineConfig) -> ByteRange:
    """NCCL and all-reduce buffers from before the first snapshot."""
    layout = engine.layout
    if engine.world_size == 1:
        return exactly(0, "one GPU")
    if (
        gpu.compute_capability is None
        or gpu.compute_capability[0] not in (9, 10)
        or "pcie" in gpu.name.casefold()
    ):
        return _ranged(
            PCIE_BEFORE_GIB, "NCCL before the first snapshot: 0.1 to 0.67 GiB in three logs without NVLink"
        )
    if layout.tensor_parallel_size == 1 and layout.pipeline_parallel_size > 1:
        return _ranged(PIPELINE_BEFORE_GIB, "NCCL before the first snapshot: two starts of pipelines on H100")
    return _ranged(NVLINK_BEFORE_GIB, "NCCL before the first snapshot: 12 starts at TP 2 and 4 on H100 SXM")


def _capture(gpu: GpuGroup, engine: EngineConfig, estimate: ByteRange) -> ByteRange:
    """CUDA-graph memory that vLLM did not subtract from the budget."""
    size = engine.max_cudagraph_capture_size
    if size == 0:
        return exactly(0, "no CUDA graphs are captured")
    share = min(1.0, 0.25 + 0.75 * size / GRAPH_CAPTURE_LIMIT)
    if estimate.high_bytes:
        return _ranged(
            BEYOND_ESTIMATE_GIB, "CUDA graphs beyond vLLM's estimate: 34 logs of 0.20 to 0.33", share
        )
    low, usual, high = UNESTIMATED_V1_GIB if engine.release.number < (0, 25, 0) else UNESTIMATED_V2_GIB
    if engine.world_size > 1:
        high = max(high, UNESTIMATED_SEVERAL_MOST_GIB)
    if gpu.compute_capability is None and "mi3" in gpu.name.casefold():
        usual, high = INSTINCT_GIB, UNESTIMATED_SEVERAL_MOST_GIB
    return _ranged(
        (low, usual, high), "CUDA graphs, none of which is subtracted: logs of 0.10 to 0.28", share
    )


def _workspaces(
    model: Model, gpu: GpuGroup, engine: EngineConfig, engine_args: EngineArgs, *, is_estimated: bool
) -> ByteRange:
    """Buffers of attention backends, allocated with the KV cache's metadata."""
    rules, low, usual, high = [], 0.0, 0.0, 0.0
    if _may_use_flashinfer(gpu, engine_args):
        rules.append(
            "FlashInfer's workspace of 394 MiB" + (", partly in the estimate" if is_estimated else "")
        )
        low, usual, high = 0.0, 0.0 if is_estimated else FLASHINFER_GIB, FLASHINFER_GIB
    latent = _latent_values(model)
    if latent:
        tokens = min(8 * engine.max_model_len, MLA_CONTEXT_TOKENS)
        rules.append(f"MLA's context buffer of {tokens:,} tokens")
        usual, high = (each + 2 * latent * tokens / GIB for each in (usual, high))
    return _ranged((low, usual, high), "; ".join(rules) or "none known of this attention backend")


def _latent_values(model: Model) -> int:
    """Values of the widest latent per token; 0 for a model without MLA."""
    if model.not_understood:
        return 0
    caches = {cache for layer in model.attention.layers for cache in layer if isinstance(cache, MlaLatent)}
    return max((cache.kv_lora_rank + cache.qk_rope_head_dim for cache in caches), default=0)


def _may_use_flashinfer(gpu: GpuGroup, engine_args: EngineArgs) -> bool:
    """Whether FlashInfer may be the backend: first on 10.x; elsewhere for fp8 caches, except on Hopper, whose
    FlashAttention has them (`_get_backend_priorities` of vllm/platforms/cuda.py, 0.17 to 0.33)."""
    if gpu.compute_capability is None:
        return False
    major = gpu.compute_capability[0]
    return major == 10 or (major != 9 and engine_args.kv_cache_dtype.startswith("fp8"))


def _warm_up(gpu: GpuGroup) -> ByteRange:
    low, usual, high = PROFILE_ERROR_GIB
    if gpu.compute_capability is None or gpu.compute_capability < (9, 0):
        return _ranged((low, usual, high), "the profile run's error, for which vLLM allows 150 MiB")
    high += TACTICS_GIB
    return _ranged(
        (low, usual, high), "the profile run's error (vLLM allows 150 MiB) and FlashInfer's autotune"
    )


def _sampler(model: Model, engine: EngineConfig, activations: ByteRange) -> ByteRange:
    """The sampler's peak beyond the profiled activations, whose memory it may use."""
    first, end = SAMPLER_UNPROFILED
    if model.is_pooling or not first <= engine.release.number < end:
        return exactly(0, "profiled")
    peak = SAMPLER_BYTES_PER_LOGIT * engine.max_num_seqs * model.sizes.vocab_size
    if peak <= activations.bytes:
        return exactly(0, "within the profiled activations")
    usual, low, high = (
        max(peak - covered, 0)
        for covered in (activations.bytes, activations.high_bytes, activations.low_bytes)
    )
    return ByteRange(
        usual, low, high, "penalties and top-k, which the profile run of 0.25 to 0.32 leaves out"
    )
