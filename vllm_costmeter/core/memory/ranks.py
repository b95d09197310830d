"""Where the bytes of each pipeline rank's GPU go before the KV cache gets the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import EngineConfig
from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.activations import activation_peak
from vllm_costmeter.core.memory.byte_range import GIB, ByteRange, exactly
from vllm_costmeter.core.memory.first_start import first_start_peak, first_start_residue
from vllm_costmeter.core.memory.loaded import LoadedRank, weights_range
from vllm_costmeter.core.memory.overheads import cuda_graphs, free_memory, non_torch
from vllm_costmeter.core.model.model import Model

if TYPE_CHECKING:
    from vllm_costmeter.core.calibration.apply import Measured
    from vllm_costmeter.core.calibration.server_start import ServerStart

End = Literal["low", "usual", "high"]

ENDS: tuple[End, ...] = ("low", "usual", "high")
_OPPOSITE: Mapping[End, End] = {"low": "high", "usual": "usual", "high": "low"}


@dataclass(frozen=True, slots=True)
class RankMemory:
    """One pipeline rank (its heaviest tensor-parallel rank): what it may use and what uses it."""

    index: int
    budget_bytes: int
    weights: ByteRange
    activations: ByteRange
    non_torch: ByteRange
    cuda_graphs: ByteRange
    """Only what this version subtracts from the budget."""
    beside_weights: ByteRange
    """Converted layouts and the allocator's remainders: a server logs them as weights."""
    lora: ByteRange
    """Slots for adapters; a server logs them as weights."""
    reserved_kv_cache_bytes: int | None = None
    """--kv-cache-memory-bytes: the pool is this, whatever gpu_memory_utilization says."""
    measured: Measured | None = None
    """What starts of such servers have shown."""
    budget_error_bytes: tuple[int, int] = (0, 0)
    """How far below and above it the budget may lie: the card's memory is an estimate."""

    def _parts(self) -> dict[str, ByteRange]:
        return {
            "weights": self.weights,
            "beside_weights": self.beside_weights,
            "lora": self.lora,
            "activations": self.activations,
            "non_torch": self.non_torch,
            "cuda_graphs": self.cuda_graphs,
        }

    def used(self, end: End) -> int:
        """Bytes of all parts; "low" and "high" are ends of *use*. Independent errors add as squares."""
        parts = self._parts().values()
        usual = sum(part.bytes for part in parts)
        below, above = self.budget_error_bytes  # a larger GPU is as good as parts that use less
        if end == "low":
            return usual - math.isqrt(above**2 + sum((part.bytes - part.low_bytes) ** 2 for part in parts))
        if end == "high":
            return usual + math.isqrt(below**2 + sum((part.high_bytes - part.bytes) ** 2 for part in parts))
        return usual

    def available(self, end: End) -> int:
        """Bytes left for the KV cache, negative where the parts exceed the budget; "low" is the least."""
        if self.reserved_kv_cache_bytes is not None:
            return self.reserved_kv_cache_bytes
        if self.measured is None:
            return self.budget_bytes - self.used(_OPPOSITE[end])
        ruled: dict[End, int] = {each: self.budget_bytes - self.used(_OPPOSITE[each]) for each in _OPPOSITE}
        most = self.budget_bytes - self.weights.bytes - self.lora.bytes
        return min(self.measured.available(end, self.budget_bytes, ruled), most)

    def beside_kv_cache(self) -> tuple[int, int, int]:
        """(activations, CUDA graphs, non-torch) in bytes, as the budget's sum needs them: where starts were measured
        the difference counts as non-torch, and what that cannot give comes of the others."""
        non_torch = self.non_torch.bytes + self.beside_weights.bytes
        activations, graphs = self.activations.bytes, self.cuda_graphs.bytes
        if self.measured is None or self.reserved_kv_cache_bytes is not None:
            return activations, graphs, non_torch
        left = self.budget_bytes - self.available("usual") - self.weights.bytes - self.lora.bytes
        activations = min(activations, left)
        graphs = min(graphs, left - activations)
        return activations, graphs, left - activations - graphs

    @property
    def spent_bytes(self) -> int:
        """What vLLM sets out to use: the budget, or the parts and the pool where the pool is reserved."""
        if self.reserved_kv_cache_bytes is None:
            return self.budget_bytes
        return self.used("usual") + self.reserved_kv_cache_bytes

    def rules(self) -> dict[str, str]:
        """By part: how its bytes were found; parts without bytes are left out, but for the graphs."""
        parts = self._parts().items()
        return {name: part.rule for name, part in parts if part.high_bytes or name == "cuda_graphs"}


@dataclass(frozen=True, slots=True)
class Memory:
    """All pipeline ranks of one deployment; they run on equal GPUs."""

    total_bytes: int
    budget_bytes: int
    """gpu_memory_utilization of the GPU."""
    free: ByteRange
    ranks: tuple[RankMemory, ...]
    first_start_ranks: tuple[RankMemory, ...]
    """The same with an empty compile cache."""

    @property
    def on_first_start(self) -> Memory:
        """What a start with an empty compile cache has: the first in a fresh container."""
        return replace(self, ranks=self.first_start_ranks)

    def pools(self, end: End) -> tuple[int, ...]:
        """Bytes for the KV cache per pipeline rank, at least 0."""
        return tuple(max(rank.available(end), 0) for rank in self.ranks)

    def exceeds_gpu(self, end: End) -> bool:
        """Whether a reserved pool and the parts, at this end of their use, are more than the GPU has."""
        return any(
            rank.used(end) + rank.reserved_kv_cache_bytes > self.total_bytes
            for rank in self.ranks
            if rank.reserved_kv_cache_bytes is not None
        )

    @property
    def weights_limit_bytes(self) -> int:
        """What the weights must stay below: the budget, or the GPU where a reserved pool makes vLLM ignore it."""
        reserved = any(rank.reserved_kv_cache_bytes is not None for rank in self.ranks)
        return self.total_bytes if reserved else self.budget_bytes

    @property
    def weights_alone_exceed(self) -> bool:
        """Whether the weights leave nothing even at their least."""
        return self.fullest_rank().weights.low_bytes >= self.weights_limit_bytes

    @property
    def surely_starts(self) -> bool:
        """Whether nothing but the room for the KV cache can stop a start, so that a shorter length helps."""
        return (
            self.budget_bytes <= self.free.low_bytes
            and not self.exceeds_gpu("high")
            and not self.weights_alone_exceed
        )

    def fullest_rank(self) -> RankMemory:
        return max(self.ranks, key=lambda rank: rank.weights.bytes)

    def binding_rank(self, needed_bytes: Sequence[int]) -> RankMemory:
        """The rank whose pool is the smallest in proportion to what one sequence needs there."""
        return min(self.ranks, key=lambda rank: rank.available("usual") / max(needed_bytes[rank.index], 1))


def memory_of_ranks(
    model: Model,
    gpu: GpuGroup,
    engine: EngineConfig,
    engine_args: EngineArgs,
    *,
    starts: Sequence[ServerStart],
    loaded: Sequence[LoadedRank],
) -> Memory:
    """Every part per pipeline rank."""
    budget = math.ceil(gpu.memory_bytes * engine.gpu_memory_utilization)
    offloaded = round(engine_args.cpu_offload_gb * GIB)  # vLLM counts --cpu-offload-gb in GiB (0.32.0)
    rules = engine_rules(engine.release)
    runner = rules.runner(is_dense=not (model.is_moe or model.is_hybrid))
    graphs = (
        cuda_graphs(engine, runner)
        if rules.cuda_graphs_in_budget
        else exactly(0, "this version subtracts nothing for CUDA graphs")
    )
    measured = None
    if starts:
        from vllm_costmeter.core.calibration.apply import measured_of

        measured = measured_of(starts, model, gpu, engine, engine_args)
    ranks = tuple(
        RankMemory(
            index=index,
            budget_bytes=budget,
            weights=weights_range(max(rank.tensor_bytes - offloaded, 0), model),
            beside_weights=exactly(
                rank.beside_bytes, "converted layouts and what the allocator keeps beside each tensor"
            ),
            activations=activation_peak(
                model, engine, engine_args, rules, is_last_rank=index == len(loaded) - 1
            ),
            non_torch=non_torch(engine, rules, gpu, is_last_rank=index == len(loaded) - 1),
            cuda_graphs=graphs,
            lora=rank.lora,
            reserved_kv_cache_bytes=engine_args.kv_cache_memory_bytes,
            measured=measured,
            budget_error_bytes=gpu.share_error_bytes(engine.gpu_memory_utilization),
        )
        for index, rank in enumerate(loaded)
    )
    return Memory(
        total_bytes=gpu.memory_bytes,
        budget_bytes=budget,
        free=free_memory(gpu),
        ranks=ranks,
        first_start_ranks=tuple(_on_first_start(rank, model, gpu, engine, engine_args) for rank in ranks),
    )


def _on_first_start(
    rank: RankMemory, model: Model, gpu: GpuGroup, engine: EngineConfig, engine_args: EngineArgs
) -> RankMemory:
    release, is_first = engine.release.number, rank.index == 0
    peak = first_start_peak(model, engine, engine_args, release, is_first_rank=is_first)
    if peak is None:
        return rank
    residue = first_start_residue(model, engine, engine_args, release, gpu, is_first_rank=is_first)
    return replace(rank, activations=rank.activations.at_least(peak), non_torch=rank.non_torch.plus(residue))
