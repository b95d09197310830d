"""Which GPUs are tried for what does not fit."""

from __future__ import annotations

from dataclasses import replace

from example_models import ADA, GIB, llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.offers import LARGEST_NODE_GPUS, RentalOffer
from vllm_costmeter.core.fit.suggest import with_suggestions
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import NEWEST

NODE = replace(ADA, count=8)
H200 = RentalOffer(GpuGroup("H200 SXM", round(139.8 * GIB), compute_capability=(9, 0)), 3.5)


def offered(gib: float, layout: ParallelConfig) -> list[int]:
    """The tensor-parallel sizes of the H200s that are suggested."""
    engine_args = EngineArgs(max_model_len=4096, layout=layout)
    model = llama(gib, layers=80)
    result = with_suggestions(fit(model, NODE, engine_args, NEWEST), model, NODE, engine_args, offers=(H200,))
    gpus = [each.change for each in result.suggestions if "gpu" in each.change]
    return [int(change.get("tensor_parallel_size", 1)) for change in gpus]


def test_ranks_of_all_kinds_share_one_node() -> None:
    """Beside two pipeline ranks tensor parallelism takes four of a node's eight GPUs at most; more are more nodes."""
    two = ParallelConfig(pipeline_parallel_size=2)
    assert LARGEST_NODE_GPUS == 8
    assert offered(300, two) == [2]
    assert offered(1200, two) == [4]
