"""vLLM's memory accounting by release, each row with its evidence."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.release import Release, Version, dotted


@dataclass(frozen=True, slots=True)
class Runner:
    """Sampling memory and CUDA-graph estimate of one of vLLM's two model runners."""

    float_copies: tuple[float, float, float]
    """float32 copies of the logits at the sampler's peak, in addition to the logits: least, usual, most."""
    state_bytes_per_logit: float
    """Permanent bytes per sequence and vocabulary entry."""
    kept_rows: int
    """Rows of float32 logits that the top-k and top-p kernel keeps, one per multiprocessor; 0: none known."""
    graph_gib: tuple[float, float, float]
    """vLLM's CUDA-graph estimate at capture size 512: least, usual, most."""


H100_ROWS = 132  # multiprocessors of the H100 SXM (NVIDIA data sheet, 2022); other GPUs have 48 to 160

V1_BEFORE_0_15 = Runner(
    float_copies=(
        2.0,
        8.0,
        8.2,
    ),  # 34 B per logit with PyTorch's sampler (0.10.2, 0.11.2, 0.12.0), 10 B with FlashInfer
    state_bytes_per_logit=0.0,
    kept_rows=0,
    graph_gib=(0.0, 0.0, 0.0),  # no estimate existed before PR 30515
)
V1_BEFORE_0_20 = Runner(
    float_copies=(2.9, 3.0, 3.1),  # 36 starts of 0.19.0 on H100: 14 B per logit in bf16, 16 B in float32
    state_bytes_per_logit=0.0,
    kept_rows=H100_ROWS,  # v1/sample/ops/topk_topp_triton.py of 0.19.1, the default; seen in docs/exact.md
    graph_gib=(0.49, 0.84, 1.69),  # "cudagraph_est_gib" of the same starts
)
V1 = Runner(
    float_copies=(2.5, 3.0, 3.3),
    state_bytes_per_logit=0.0,
    kept_rows=H100_ROWS,  # same file in 0.20.0; since 0.23.0 in a second pass of the dummy sampler run
    graph_gib=(
        0.05,
        0.45,
        1.45,
    ),  # logs of 0.20.0 to 0.25.1: 0.64 0.41 0.08 0.14 0.28 0.25 0.36 0.56 0.74 1.41
)
PENALTY_STATE = 4 + 1 / 8  # gpu/sample/penalties.py, 0.25 to 0.33: an int32 count and a prompt bit per entry
V2_WITHOUT_ESTIMATE = Runner(
    float_copies=(0.0, 1.0, 2.0),  # source of 0.25.0: the dummy sampler run skips top-k, top-p and penalties
    state_bytes_per_logit=PENALTY_STATE,
    kept_rows=0,
    graph_gib=(0.0, 0.0, 0.0),  # source of 0.25.0, 0.27.0, 0.28.0: "return 0"; logged in 0.25.1
)
V2 = Runner(
    float_copies=(
        1.0,
        2.0,
        3.0,
    ),  # source of 0.29.0 to 0.33.0: a second pass with warm-up parameters in float32
    state_bytes_per_logit=PENALTY_STATE,
    kept_rows=0,
    graph_gib=(0.05, 0.45, 1.45),  # no log of these releases; V1's range
)


@dataclass(frozen=True, slots=True)
class EngineRules:
    """One row, valid from release `since` until the next row's `since`."""

    since: Version
    gpu_memory_utilization: float
    """Default fraction of the GPU's memory."""
    cuda_graphs_in_budget: bool
    """Whether vLLM subtracts its CUDA-graph estimate from the KV cache by default."""
    batched_tokens_from_160_gib: int
    """Default --max-num-batched-tokens of the API server on GPUs of 160 GiB and more."""
    dense_runner: Runner
    other_runner: Runner
    """For mixture-of-experts models and hybrids of attention and recurrent layers."""
    one_gpu_gib: tuple[float, float, float]
    """Memory outside PyTorch's allocator, without tensor parallelism: least, usual, most."""
    several_gpus_gib: tuple[float, float, float]
    """The same with tensor parallelism: includes NCCL and custom all-reduce."""
    one_gpu_gib_by_capability: Mapping[tuple[int, int], float]
    """The usual value for compute capabilities whose logs differ."""
    evidence: str

    @property
    def version(self) -> str:
        """ "0.29": the first release of the row."""
        return dotted(self.since[:2])

    def runner(self, *, is_dense: bool) -> Runner:
        return self.dense_runner if is_dense else self.other_runner


ONE_GPU_GIB: Mapping[tuple[int, int], float] = {
    (8, 0): 0.07,  # two logs of 0.17.1 on A100
    (8, 9): 0.5,  # 0.19.0 on an RTX 4090: 2588 blocks; with 0.25 GiB it would be 2745
}

_V0_10 = EngineRules(
    since=(0, 10, 0),
    gpu_memory_utilization=0.90,  # logged by 0.10.2
    cuda_graphs_in_budget=False,
    batched_tokens_from_160_gib=8192,
    dense_runner=V1_BEFORE_0_15,
    other_runner=V1_BEFORE_0_15,
    one_gpu_gib=(0.02, 0.07, 0.35),  # 0.07 logged by 0.10.2; V0 engines logged 0.02 to 0.35
    several_gpus_gib=(0.1, 0.2, 2.1),  # 0.2 at TP 2 on A100 with 0.10.1.1, about 2 at TP 4 with 0.14.1
    one_gpu_gib_by_capability={},
    evidence="12 start-up logs of 0.10.1 to 0.14.1 on A100, H100, L40S and RTX PRO 6000",
)
_V0_15 = replace(
    _V0_10,  # 0.90 and no estimate: vllm/config/cache.py and envs.py (PR 30515) of 0.17.0, 0.18.0, 0.19.0
    since=(0, 15, 0),
    dense_runner=V1_BEFORE_0_20,
    other_runner=V1_BEFORE_0_20,
    one_gpu_gib=(0.05, 0.25, 0.46),  # 0.24 to 0.27 on H100, 0.46 for one model
    several_gpus_gib=(0.1, 2.1, 2.25),  # 2.06 to 2.21 at TP 2 and 4 on H100 with 0.19.0
    one_gpu_gib_by_capability=ONE_GPU_GIB,
    evidence="36 start-up logs of 0.19.0 on H100 80GB (llm-d-planner); source of 0.17.0 to 0.19.0",
)
_V0_20 = replace(
    _V0_15,
    since=(0, 20, 0),
    gpu_memory_utilization=0.92,  # PR 38284 (2026-04-21); vllm/config/cache.py of 0.20.0
    cuda_graphs_in_budget=True,  # PR 38284 (2026-04-21); envs.py of 0.20.0: the estimate is on by default
    dense_runner=V1,
    other_runner=V1,
    evidence="PR 38284 (2026-04-21); source of 0.20.0 to 0.23.0; logs of 0.20.0, 0.22.0, 0.22.1, 0.23.0",
)
_V0_25 = replace(
    _V0_20,
    since=(0, 25, 0),
    dense_runner=V2_WITHOUT_ESTIMATE,  # PR 39337 (2026-05); VllmConfig.use_v2_model_runner of 0.25.0
    evidence="PR 39337 (2026-05); source of 0.25.0 and 0.27.0; eight logs of 0.25.1, one of 0.27.1",
)
_V0_28 = replace(
    _V0_25,
    since=(0, 28, 0),
    batched_tokens_from_160_gib=16384,  # PR 51726 (about 2026-08); arg_utils.py of 0.28.0
    evidence="PR 51726 (about 2026-08); source of 0.28.0",
)
_V0_29 = replace(
    _V0_28,
    since=(0, 29, 0),
    dense_runner=V2,  # VllmConfig.use_v2_model_runner of 0.29.0: for every model it supports
    other_runner=V2,
    evidence="source of 0.29.0, 0.30.0, 0.32.0 and 0.33.0",
)
ROWS: tuple[EngineRules, ...] = (_V0_10, _V0_15, _V0_20, _V0_25, _V0_28, _V0_29)


def engine_rules(release: Release) -> EngineRules:
    """The row for a release: the newest that is not after it, or the oldest row for older releases."""
    return [ROWS[0], *(row for row in ROWS if row.since <= release.number)][-1]
