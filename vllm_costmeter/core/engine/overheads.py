"""What the process holds beside weights and activations: CUDA context, NCCL, CUDA graphs."""

from __future__ import annotations

from vllm_costmeter.core.engine.engine import GRAPH_CAPTURE_LIMIT, Engine
from vllm_costmeter.core.engine.estimate import GIB, Estimate, exactly, gib
from vllm_costmeter.core.engine.rules import Runner
from vllm_costmeter.core.gpu import Gpu

CONTEXT_GIB = (0.25, 0.51, 0.70)
"""What the driver holds of an idle card: 79.19 GiB total, 78.68 free in 35 boots of 0.19.0 on H100."""


def non_torch(engine: Engine, *, is_last_rank: bool) -> Estimate:
    """Bytes that PyTorch's allocator does not know of.

    0.19.0 on H100: 0.24 to 0.27 GiB on one GPU (0.46 for Granite), 2.06 to 2.21 at TP 2 and 4 (NCCL and custom
    all-reduce), 0.07 on a pipeline rank without sampler. Other versions and cards: 0.1 to 2.1 at TP 2, 2 to 3 at
    TP 8.
    """
    if engine.layout.tensor_parallel_size > 1:
        wide = engine.layout.tensor_parallel_size >= 8
        value, high = (2.3, 3.0) if wide else (2.1, 2.25)
        return Estimate(
            gib(value), gib(0.1), gib(high), "NCCL and custom all-reduce: 2.06 to 2.21 GiB logged"
        )
    if engine.layout.pipeline_parallel_size > 1 and not is_last_rank:
        return Estimate(gib(0.07), gib(0.05), gib(0.3), "pipeline rank without sampler: 0.07 GiB logged")
    return Estimate(gib(0.25), gib(0.02), gib(0.46), "one GPU: 0.24 to 0.46 GiB logged")


def cuda_graphs(engine: Engine, runner: Runner) -> Estimate:
    """vLLM's own estimate of CUDA-graph memory, scaled by the largest captured batch.

    It is what vLLM subtracts, not what capture takes: the two differ by factors in the logs.
    """
    size = engine.max_cudagraph_capture_size
    if size == 0:
        return exactly(0, "no CUDA graphs are captured")
    low, value, high = runner.graph_gib
    share = min(1.0, 0.25 + 0.75 * size / GRAPH_CAPTURE_LIMIT)
    return Estimate(
        gib(value * share),
        gib(low * share),
        gib(high),
        f"logged estimates of {low} to {high} GiB at capture size {GRAPH_CAPTURE_LIMIT}",
    )


def free_memory(gpu: Gpu) -> Estimate:
    """Free bytes of a card when vLLM starts: measured, or the total less a driver's context."""
    if gpu.free_bytes is not None:
        return exactly(min(gpu.free_bytes, gpu.memory_bytes), "measured")
    low, value, high = CONTEXT_GIB
    total = gpu.memory_bytes
    return Estimate(
        max(total - gib(value), 0),
        max(total - gib(high), 0),
        max(total - gib(low), 0),
        f"card less {value} GiB of CUDA context; {total / GIB:.2f} GiB in total",
    )
