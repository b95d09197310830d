"""The memory of pipeline ranks together."""

from __future__ import annotations

from dataclasses import replace

from activation_peaks import H100
from example_models import GIB, llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.memory.byte_range import ByteRange, gib
from vllm_costmeter.core.memory.layer_peak import WARMED_MODULES_GIB
from vllm_costmeter.core.memory.loaded import LoadedRank
from vllm_costmeter.core.memory.ranks import Memory, memory_of_ranks
from vllm_costmeter.core.model.attention import GatedDeltaState
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import release_of

NOTHING = ByteRange(0, 0, 0, "none")


def memory(model: Model, *gib_by_rank: float) -> Memory:
    """Of ranks with these weights."""
    engine_args = EngineArgs(layout=ParallelConfig(pipeline_parallel_size=len(gib_by_rank)))
    engine = resolve_engine(model, H100, engine_args, release_of("0.32.0"))
    loaded = [LoadedRank(round(size * GIB), 0, 0, NOTHING) for size in gib_by_rank]
    return memory_of_ranks(model, H100, engine, engine_args, starts=(), loaded=loaded)


def test_the_fullest_rank_has_the_largest_weights() -> None:
    """Weights exceed the budget as soon as those of one rank do."""
    found = memory(llama(), 10, 90, 20)
    assert found.fullest_rank().index == 1
    assert found.weights_alone_exceed
    assert not memory(llama(), 10, 20).weights_alone_exceed


def test_tuned_kernels_stay_outside_of_pytorch_on_every_rank() -> None:
    """At most: the low end and the usual amount are as without them."""
    state = GatedDeltaState(num_k_heads=16, num_v_heads=64, head_k_dim=128, head_v_dim=128, conv_kernel=4)
    plain = llama()
    hybrid = replace(plain, attention=replace(plain.attention, layers=((state,),)))  # type: ignore[type-var]
    for with_state, without in zip(memory(hybrid, 8, 8).ranks, memory(plain, 8, 8).ranks, strict=True):
        assert _more(with_state.non_torch, without.non_torch) == (0, 0, gib(WARMED_MODULES_GIB))


def _more(one: ByteRange, two: ByteRange) -> tuple[int, int, int]:
    return one.bytes - two.bytes, one.low_bytes - two.low_bytes, one.high_bytes - two.high_bytes
