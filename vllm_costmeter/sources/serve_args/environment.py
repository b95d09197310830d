"""Variables of a server's process that change what a check says, by release (vllm/envs.py, 0.16 to 0.33)."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.release import Release
from vllm_costmeter.core.whole_number import whole_number

_ALLOW_LONG = "VLLM_ALLOW_LONG_MAX_MODEL_LEN"
_ESTIMATE = "VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS"
_CHUNKED = "VLLM_ALLOW_CHUNKED_LOCAL_ATTN_WITH_HYBRID_KV_CACHE"
_NOT_READ = {
    "VLLM_ATTENTION_BACKEND": "--attention-backend",
    "VLLM_USE_V1": "",
    "VLLM_KV_CACHE_DTYPE": "--kv-cache-dtype",
}
"""Variables that no release from 0.16 on reads, and the flag in place of each."""
_UNMODELLED = (
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_ALLOC_CONF",
    "VLLM_ALLREDUCE_USE_SYMM_MEM",
    "VLLM_DEEPEP_BUFFER_SIZE_MB",
    "VLLM_FLASHINFER_WORKSPACE_BUFFER_SIZE",
    "VLLM_KV_CACHE_LAYOUT",
    "VLLM_MAX_TOKENS_PER_EXPERT_FP4_MOE",
    "VLLM_MLA_DISABLE",
    "VLLM_MOE_USE_DEEP_GEMM",
    "VLLM_MXFP4_EMULATION_DEQUANT_AT_LOAD",
    "VLLM_MXFP8_EMULATION_DEQUANT_AT_LOAD",
    "VLLM_PP_LAYER_PARTITION",
    "VLLM_REPLICATE_EMBED",
    "VLLM_SPARSE_INDEXER_MAX_LOGITS_MB",
    "VLLM_SSM_CONV_STATE_LAYOUT",
    "VLLM_USE_BREAKABLE_CUDAGRAPH",
    "VLLM_USE_DEEP_GEMM",
    "VLLM_USE_FLASHINFER_MOE_INT4",
    "VLLM_USE_FLASHINFER_SAMPLER",
    "VLLM_USE_NCCL_SYMM_MEM",
    "VLLM_USE_TRITON_AWQ",
    "VLLM_USE_V2_MODEL_RUNNER",
    "VLLM_BATCH_INVARIANT",
)
"""May change GPU memory in a way that the check does not model."""
DECIDING = (_ALLOW_LONG, _ESTIMATE, _CHUNKED, *_NOT_READ, *_UNMODELLED)


@dataclass(frozen=True, slots=True)
class EnvironmentEffect:
    """What a server's environment changes."""

    allows_longer: bool = False
    """Whether a context above the model's maximum is a warning in place of an error."""
    cuda_graphs_in_budget: bool | None = None
    """Whether the CUDA-graph estimate is subtracted; None: as the release does."""
    chunked_local_hybrid: bool | None = None
    """Whether chunked local attention may have the hybrid KV cache manager; None: not stated, as 1."""
    notes: tuple[str, ...] = ()


def environment_effect(environment: Mapping[str, str], release: Release) -> EnvironmentEffect:
    """The effect in one release."""
    notes = [
        f"{name}={environment[name]:.60} may change GPU memory; its effect is not modelled"
        for name in _UNMODELLED
        if environment.get(name, "0") not in ("", "0")
    ]
    for name, flag in _NOT_READ.items():
        if name in environment:
            instead = f": {flag} is the flag" if flag else ""
            notes.append(f"vLLM {release} does not read {name}{instead}")
    estimate = environment.get(_ESTIMATE)
    in_budget = None
    number = None if estimate is None else whole_number(estimate.strip().lstrip("+-"))
    if number is not None and release.number >= (0, 18, 0):  # 0.17 does not read it
        in_budget = number != 0
    chunked = whole_number(environment.get(_CHUNKED, "").strip().lstrip("+-"))
    return EnvironmentEffect(
        allows_longer=environment.get(_ALLOW_LONG, "").strip().lower() in ("1", "true"),
        cuda_graphs_in_budget=in_budget,
        chunked_local_hybrid=None if chunked is None else chunked != 0,
        notes=tuple(notes),
    )
