"""vLLM's memory accounting by release, each row with its evidence."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.runners import (
    V1,
    V1_BEFORE_0_15,
    V1_BEFORE_0_20,
    V2,
    V2_IN_0_25,
    V2_IN_0_26,
    V2_IN_0_27,
    V2_IN_0_28,
    V2_IN_0_29,
    Runner,
)
from vllm_costmeter.core.release import Release, Version, dotted


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
    v1: Runner
    v2: Runner | None
    """None: the release has one runner by default. `runner_choice` tells which of the two serves a model."""
    v2_is_for_all: bool
    """Whether the second runner serves every model it supports, or only dense models and listed architectures."""
    graphs_on_rocm: bool
    """Whether CUDA graphs are estimated on AMD's GPUs."""
    one_gpu_gib: tuple[float, float, float]
    """Memory outside PyTorch's allocator, without tensor parallelism: least, usual, most."""
    several_gpus_gib: tuple[float, float, float]
    """The same with tensor parallelism: includes NCCL and custom all-reduce."""
    one_gpu_gib_by_capability: Mapping[tuple[int, int], tuple[float, float, float]]
    """The same for compute capabilities whose logs differ."""
    evidence: str

    @property
    def version(self) -> str:
        """ "0.29": the first release of the row."""
        return dotted(self.since[:2])


ONE_GPU_GIB: Mapping[tuple[int, int], tuple[float, float, float]] = {
    (8, 0): (0.05, 0.07, 0.46),  # two logs of 0.17.1 on A100
    (8, 9): (0.05, 0.5, 0.5),  # 0.19.0 on an RTX 4090: 2588 blocks; with 0.25 GiB it would be 2745
    (9, 0): (0.2, 0.25, 0.46),  # 0.24 to 0.27 in 19 starts of 0.19.0 on H100, 0.46 in one
}

_V0_10 = EngineRules(
    since=(0, 10, 0),
    gpu_memory_utilization=0.90,  # logged by 0.10.2
    cuda_graphs_in_budget=False,
    batched_tokens_from_160_gib=8192,
    v1=V1_BEFORE_0_15,
    v2=None,
    v2_is_for_all=False,
    graphs_on_rocm=False,
    one_gpu_gib=(0.02, 0.07, 0.35),  # 0.07 logged by 0.10.2; V0 engines logged 0.02 to 0.35
    several_gpus_gib=(0.1, 0.2, 2.1),  # 0.2 at TP 2 on A100 with 0.10.1.1, about 2 at TP 4 with 0.14.1
    one_gpu_gib_by_capability={},
    evidence="12 start-up logs of 0.10.1 to 0.14.1 on A100, H100, L40S and RTX PRO 6000",
)
_V0_15 = replace(
    _V0_10,  # 0.90 and no estimate: vllm/config/cache.py and envs.py (PR 30515) of 0.17.0, 0.18.0, 0.19.0
    since=(0, 15, 0),
    v1=V1_BEFORE_0_20,
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
    v1=V1,
    evidence="PR 38284 (2026-04-21); source of 0.20.0 to 0.23.0; logs of 0.20.0, 0.22.0, 0.22.1, 0.23.0",
)
_V0_22 = replace(
    _V0_20,
    since=(0, 22, 0),
    v2=V2_IN_0_25,  # for few architectures; profile_run and sampler.py of 0.22.0, 0.23.0 and 0.24.0 are as in 0.25.0
    evidence="source of 0.22.0 to 0.24.0; logs of 0.20.0, 0.22.0, 0.22.1, 0.23.0",
)
_V0_25 = replace(
    _V0_22,
    since=(0, 25, 0),
    v2=V2_IN_0_25,  # PR 39337 (2026-05); VllmConfig.use_v2_model_runner of 0.25.0
    evidence="PR 39337 (2026-05); source of 0.25.0; eight logs of 0.25.1",
)
_V0_26 = replace(
    _V0_25,
    since=(0, 26, 0),
    v2=V2_IN_0_26,
    graphs_on_rocm=True,  # gpu_worker.py of 0.26.0: is_cuda_alike instead of is_cuda (PR 44825)
    evidence="source of 0.26.0; eight logs of 0.25.1",
)
_V0_27 = replace(
    _V0_26,
    since=(0, 27, 0),
    v2=V2_IN_0_27,
    evidence="source of 0.27.0 (memory used is counted as the drop of free memory); one log of 0.27.1",
)
_V0_28 = replace(
    _V0_27,
    since=(0, 28, 0),
    batched_tokens_from_160_gib=16384,  # PR 51726 (about 2026-08); arg_utils.py of 0.28.0
    v2=V2_IN_0_28,
    evidence="PR 51726 (about 2026-08); source of 0.28.0",
)
_V0_29 = replace(
    _V0_28,
    since=(0, 29, 0),
    v2=V2_IN_0_29,
    v2_is_for_all=True,  # VllmConfig.use_v2_model_runner of 0.29.0
    evidence="source of 0.29.0 to 0.32.0",
)
_V0_33 = replace(
    _V0_29,
    since=(0, 33, 0),
    v2=V2,
    evidence="source of 0.33.0: the sampler's second pass (gpu/model_runner.py)",
)
ROWS: tuple[EngineRules, ...] = (
    _V0_10,
    _V0_15,
    _V0_20,
    _V0_22,
    _V0_25,
    _V0_26,
    _V0_27,
    _V0_28,
    _V0_29,
    _V0_33,
)


def engine_rules(release: Release) -> EngineRules:
    """The row for a release: the newest that is not after it, or the oldest row for older releases."""
    return [ROWS[0], *(row for row in ROWS if row.since <= release.number)][-1]
