"""The memory of pipeline ranks together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from activation_peaks import H100
from example_models import GIB, llama

from vllm_costmeter.core.calibration.apply import flags_of
from vllm_costmeter.core.calibration.server_start import ServerStart, ServerStartKey
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.activations import activation_peak
from vllm_costmeter.core.memory.byte_range import ByteRange, exactly, gib
from vllm_costmeter.core.memory.first_start import first_start_peak, first_start_residue
from vllm_costmeter.core.memory.loaded import LoadedRank, weights_range
from vllm_costmeter.core.memory.overheads import free_memory, non_torch
from vllm_costmeter.core.memory.ranks import Memory, memory_of_ranks
from vllm_costmeter.core.model.attention import GatedDeltaState
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import release_of

NOTHING = ByteRange(0, 0, 0, "none")


def memory(model: Model, *gib_by_rank: float, gpu: GpuGroup = H100, **flags: Any) -> Memory:
    """Of ranks with these weights, by 0.30.0."""
    engine_args = EngineArgs(layout=ParallelConfig(pipeline_parallel_size=len(gib_by_rank)), **flags)
    engine = resolve_engine(model, gpu, engine_args, release_of("0.30.0"))
    loaded = [LoadedRank(round(size * GIB), 200, 10, exactly(3, "slots")) for size in gib_by_rank]
    return memory_of_ranks(model, gpu, engine, engine_args, starts=(), loaded=loaded)


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
        assert _more(with_state.non_torch, without.non_torch) == (0, 0, gib(0.4))


def _more(one: ByteRange, two: ByteRange) -> tuple[int, int, int]:
    return one.bytes - two.bytes, one.low_bytes - two.low_bytes, one.high_bytes - two.high_bytes


def test_each_rank_has_the_parts_of_its_place() -> None:
    """The last one samples and sends nothing; the rest of the parts is what was loaded, less what is offloaded."""
    model, release = llama(), release_of("0.30.0")
    found = memory(model, 8, 2.5, cpu_offload_gb=2.5)
    args = EngineArgs(layout=ParallelConfig(pipeline_parallel_size=2), cpu_offload_gb=2.5)
    engine, rules = resolve_engine(model, H100, args, release), engine_rules(release)
    for index, (rank, weights) in enumerate(zip(found.ranks, (gib(5.5), 0), strict=True)):
        is_last = index == 1
        assert rank.index == index
        assert rank.weights == weights_range(weights, model)
        assert rank.activations == activation_peak(
            model, engine, args, rules, is_first_rank=not is_last, is_last_rank=is_last
        )
        assert rank.non_torch == non_torch(engine, rules, H100, is_moe=False, is_last_rank=is_last)
        assert (rank.beside_weights.low_bytes, rank.beside_weights.bytes, rank.lora.bytes) == (200, 210, 3)
        assert rank.measured is None
    assert found.free == free_memory(H100)


def test_the_budget_is_rounded_up() -> None:
    """As vLLM does (`request_memory`); an estimated size moves it as far as its share does."""
    gpu = GpuGroup("a GPU", 1001, memory_bytes_range=(901, 1301))
    found = memory(llama(), 1, gpu=gpu, gpu_memory_utilization=0.5)
    assert (found.total_bytes, found.budget_bytes, found.ranks[0].budget_bytes) == (1001, 501, 501)
    assert found.ranks[0].budget_error_bytes == (50, 150)


def test_the_first_start_adds_to_activations_and_to_memory_outside() -> None:
    """The table's copy on the first rank alone; in eager mode both starts are the same."""
    model, release = llama(), release_of("0.30.0")
    flags = {"max_num_seqs": 2, "max_num_batched_tokens": 2048}
    found = memory(model, 8, 8, **flags)
    args = EngineArgs(layout=ParallelConfig(pipeline_parallel_size=2), **flags)  # type: ignore[arg-type]
    engine = resolve_engine(model, H100, args, release)
    assert found.on_first_start.ranks == found.first_start_ranks
    for warm, cold in zip(found.ranks, found.on_first_start.ranks, strict=True):
        is_first = warm.index == 0
        peak = first_start_peak(model, engine, args, release.number, is_first_rank=is_first)
        residue = first_start_residue(model, engine, args, release.number, H100, is_first_rank=is_first)
        assert peak is not None
        assert cold.activations == warm.activations.at_least(peak)
        assert cold.non_torch == warm.non_torch.plus(residue)
    assert found.first_start_ranks[0].activations.bytes > found.first_start_ranks[1].activations.bytes
    eager = memory(model, 8, 8, enforce_eager=True)
    assert eager.first_start_ranks == eager.ranks


def test_recorded_starts_of_the_same_server_are_used() -> None:
    """By release, GPU, architecture and tensor parallelism."""
    model, args, release = llama(), EngineArgs(), release_of("0.30.0")
    engine = resolve_engine(model, H100, args, release)
    key = ServerStartKey("0.30.0", H100.name, model.architecture, 1)
    start = ServerStart(key, flags_of(model, engine, args), 900, 1000, "2026-11-01")
    loaded = [LoadedRank(GIB, 0, 0, NOTHING)]
    found = memory_of_ranks(model, H100, engine, args, starts=[start], loaded=loaded)
    assert found.ranks[0].measured is not None
    assert found.ranks[0].measured.used_bytes == (1000,)
