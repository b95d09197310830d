"""Variables of a server's process that change what a check says, by release (vllm/envs.py, 0.16 to 0.33)."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.release import Release, Version
from vllm_costmeter.core.whole_number import whole_number

_ALLOW_LONG = "VLLM_ALLOW_LONG_MAX_MODEL_LEN"
_ESTIMATE = "VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS"
_CHUNKED = "VLLM_ALLOW_CHUNKED_LOCAL_ATTN_WITH_HYBRID_KV_CACHE"
_SECOND_RUNNER = "VLLM_USE_V2_MODEL_RUNNER"
_RUNNER_IS_ASKED: Version = (0, 22, 0)
"""From here on its second runner serves models by default, and the variable decides which one does."""
_NOT_READ = {
    "VLLM_ATTENTION_BACKEND": "--attention-backend",
    "VLLM_USE_V1": "",
    "VLLM_KV_CACHE_DTYPE": "--kv-cache-dtype",
}
"""Variables that no release from 0.16 on reads, and the flag in place of each."""
_START: Version = (0, 0, 0)
_ANY = ""
"""In place of a default: whatever is set is a change."""
_UNREAD = None
_UNMODELLED: Mapping[str, tuple[tuple[Version, str | None], ...]] = {
    **dict.fromkeys(
        ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF", "VLLM_KV_CACHE_LAYOUT", "VLLM_PP_LAYER_PARTITION"),
        ((_START, _ANY),),
    ),
    **dict.fromkeys(
        (
            "VLLM_BATCH_INVARIANT",
            "VLLM_ENABLE_STARTUP_PLAN",
            "VLLM_MLA_DISABLE",
            "VLLM_MXFP4_EMULATION_DEQUANT_AT_LOAD",
            "VLLM_REPLICATE_EMBED",
            "VLLM_USE_BREAKABLE_CUDAGRAPH",
            "VLLM_USE_FLASHINFER_MOE_INT4",
            "VLLM_USE_NCCL_SYMM_MEM",
            "VLLM_USE_TRITON_AWQ",
        ),
        ((_START, "0"),),
    ),
    **dict.fromkeys(
        (
            "VLLM_ALLREDUCE_USE_SYMM_MEM",
            "VLLM_MOE_USE_DEEP_GEMM",
            "VLLM_MXFP8_EMULATION_DEQUANT_AT_LOAD",
            "VLLM_USE_DEEP_GEMM",
        ),
        ((_START, "1"),),
    ),
    "VLLM_DEEPEP_BUFFER_SIZE_MB": ((_START, "1024"),),
    "VLLM_ENABLE_FUSED_MOE_ACTIVATION_CHUNKING": ((_START, "1"), ((0, 20, 0), _UNREAD)),
    "VLLM_FLASHINFER_WORKSPACE_BUFFER_SIZE": ((_START, str(394 << 20)),),
    "VLLM_FUSED_MOE_CHUNK_SIZE": ((_START, str(16 << 10)), ((0, 20, 0), _UNREAD)),
    "VLLM_MAX_TOKENS_PER_EXPERT_FP4_MOE": ((_START, "163840"),),
    "VLLM_SPARSE_INDEXER_MAX_LOGITS_MB": ((_START, "512"),),
    "VLLM_SSM_CONV_STATE_LAYOUT": ((_START, "sd"),),
    "VLLM_USE_FLASHINFER_SAMPLER": ((_START, "0"), ((0, 21, 0), "1")),
    "VLLM_USE_RAY_V2_EXECUTOR_BACKEND": ((_START, "0"), ((0, 21, 0), "1"), ((0, 33, 0), _UNREAD)),
    _SECOND_RUNNER: ((_START, "0"), (_RUNNER_IS_ASKED, _UNREAD)),  # modelled since then
}
"""May change GPU memory in a way that the check does not model where they differ from what the release takes if they
are not set: its default, by the first release that has it."""
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
    second_runner: bool | None = None
    """Which runner is asked for; None: vLLM chooses."""
    notes: tuple[str, ...] = ()


def environment_effect(environment: Mapping[str, str], release: Release) -> EnvironmentEffect:
    """The effect in one release."""
    notes = [
        f"{name}={environment[name]:.60} may change GPU memory; its effect is not modelled"
        for name in _UNMODELLED
        if _differs(name, environment.get(name, "").strip().casefold(), release.number)
    ]
    for name, flag in _NOT_READ.items():
        if name in environment:
            instead = f": {flag} is the flag" if flag else ""
            notes.append(f"vLLM {release} does not read {name}{instead}")
    reads_estimate = release.number >= (0, 18, 0)
    is_asked = release.number >= _RUNNER_IS_ASKED
    return EnvironmentEffect(
        allows_longer=environment.get(_ALLOW_LONG, "").strip().lower() in ("1", "true"),
        cuda_graphs_in_budget=_is_on(environment, _ESTIMATE) if reads_estimate else None,
        chunked_local_hybrid=_is_on(environment, _CHUNKED),
        second_runner=_is_on(environment, _SECOND_RUNNER) if is_asked else None,
        notes=tuple(notes),
    )


def _is_on(environment: Mapping[str, str], name: str) -> bool | None:
    """As `bool(int(value))` of vllm/envs.py; None where it is not set, or to no number."""
    number = whole_number(environment.get(name, "").strip().lstrip("+-"))
    return None if number is None else number != 0


def _differs(name: str, value: str, release: Version) -> bool:
    """Whether a variable is set to something else than the release's own default."""
    default = [default for since, default in _UNMODELLED[name] if since <= release][-1]
    return default is not _UNREAD and value not in ("", default) and _SWITCHES.get(value, value) != default


_SWITCHES = {"true": "1", "false": "0"}
