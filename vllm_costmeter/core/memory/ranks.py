"""The memory budget of each pipeline rank: its parts, and the remainder for the KV cache."""

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
from vllm_costmeter.core.memory.byte_range import ByteRange
from vllm_costmeter.core.memory.cuda_graphs import cuda_graphs
from vllm_costmeter.core.memory.first_start import first_start_peak, first_start_residue
from vllm_costmeter.core.memory.layer_peak import warmed_modules
from vllm_costmeter.core.memory.loaded import LoadedRank, offloaded_bytes, weights_range
from vllm_costmeter.core.memory.overheads import free_memory, non_torch
from vllm_costmeter.core.model.model import Model

if TYPE_CHECKING:
    from vllm_costmeter.core.calibration.apply import Measured
    from vllm_costmeter.core.calibration.server_start import ServerStart

End = Literal["low", "usual", "high"]

ENDS: tuple[End, ...] = ("low", "usual", "high")
_OPPOSITE: Mapping[End, End] = {"low": "high", "usual": "usual", "high": "low"}


@dataclass(frozen=True, slots=True)
class RankMemory:
    """One pipeline rank (its largest tensor-parallel rank): the memory budget and its parts."""

    index: int
    budget_bytes: int
    weights: ByteRange
    activations: ByteRange
    non_torch: ByteRange
    cuda_graphs: ByteRange
    """Only what this release subtracts from the budget."""
    beside_weights: ByteRange
    """Converted layouts and allocator rounding; a server logs them as weights."""
    lora: ByteRange
    """Adapter slots; a server logs them as weights."""
    reserved_kv_cache_bytes: int | None = None
    """--kv-cache-memory-bytes: the size of the pool, regardless of gpu_memory_utilization."""
    measured: Measured | None = None
    """Measurements of recorded starts of similar servers; None: there are none."""
    budget_error_bytes: tuple[int, int] = (0, 0)
    """(below, above): how far the true budget may differ, where the GPU's memory is an estimate."""

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
        """Bytes of all parts; "low" and "high" refer to *use*. Independent errors add in quadrature."""
        parts = self._parts().values()
        usual = sum(part.bytes for part in parts)
        below, above = self.budget_error_bytes  # a larger GPU counts as parts that use less
        if end == "low":
            return usual - math.isqrt(above**2 + sum((part.bytes - part.low_bytes) ** 2 for part in parts))
        if end == "high":
            return usual + math.isqrt(below**2 + sum((part.high_bytes - part.bytes) ** 2 for part in parts))
        return usual

    def available(self, end: End) -> int:
        """Bytes left for the KV cache, negative if the parts exceed the budget; "low" is the least."""
        if self.reserved_kv_cache_bytes is not None:
            return self.reserved_kv_cache_bytes
        if self.measured is None:
            return self.budget_bytes - self.used(_OPPOSITE[end])
        ruled: dict[End, int] = {each: self.budget_bytes - self.used(_OPPOSITE[each]) for each in _OPPOSITE}
        most = self.budget_bytes - self.weights.bytes - self.lora.bytes
        return min(self.measured.available(end, self.budget_bytes, ruled), most)

    def beside_kv_cache(self) -> tuple[int, int, int]:
        """(activations, CUDA graphs, non-torch) in bytes, such that all parts add up to the budget.

        Where starts were measured, non-torch absorbs the difference; if it is too small, the others shrink.
        """
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
        """Bytes that vLLM plans to use: the budget or, with a reserved pool, the parts plus the pool."""
        if self.reserved_kv_cache_bytes is None:
            return self.budget_bytes
        return self.used("usual") + self.reserved_kv_cache_bytes

    def rules(self) -> dict[str, str]:
        """The rule behind each part; parts of 0 bytes are left out, except CUDA graphs."""
        parts = self._parts().items()
        return {name: part.rule for name, part in parts if part.high_bytes or name == "cuda_graphs"}


@dataclass(frozen=True, slots=True)
class Memory:
    """All pipeline ranks of one deployment, on identical GPUs."""

    total_bytes: int
    budget_bytes: int
    """gpu_memory_utilization times the GPU's memory."""
    free: ByteRange
    ranks: tuple[RankMemory, ...]
    first_start_ranks: tuple[RankMemory, ...]
    """The same ranks with an empty compile cache."""

    @property
    def on_first_start(self) -> Memory:
        """The memory of a start with an empty compile cache: the first one in a fresh container."""
        return replace(self, ranks=self.first_start_ranks)

    def pools(self, end: End) -> tuple[int, ...]:
        """KV cache bytes per pipeline rank, at least 0."""
        return tuple(max(rank.available(end), 0) for rank in self.ranks)

    def exceeds_gpu(self, end: End) -> bool:
        """Whether a reserved pool plus the parts, at this end of their range, exceed the GPU's memory."""
        return any(
            rank.used(end) + rank.reserved_kv_cache_bytes > self.total_bytes
            for rank in self.ranks
            if rank.reserved_kv_cache_bytes is not None
        )

    @property
    def weights_limit_bytes(self) -> int:
        """The limit for the weights: the budget, or the whole GPU if a reserved pool overrides the budget."""
        is_reserved = self.fullest_rank().reserved_kv_cache_bytes is not None
        return self.total_bytes if is_reserved else self.budget_bytes

    @property
    def weights_alone_exceed(self) -> bool:
        """Whether even the lower bound of the weights reaches the limit, at the largest size the GPU may have."""
        rank = self.fullest_rank()
        return rank.weights.low_bytes >= self.weights_limit_bytes + rank.budget_error_bytes[1]

    @property
    def surely_starts(self) -> bool:
        """Whether only a lack of KV cache can prevent a start, so that a shorter context helps."""
        return (
            self.budget_bytes <= self.free.low_bytes
            and not self.exceeds_gpu("high")
            and not self.weights_alone_exceed
        )

    def fullest_rank(self) -> RankMemory:
        """The rank with the largest weights."""
        return max(self.ranks, key=lambda rank: rank.weights.bytes)

    def binding_rank(self, needed_bytes: Sequence[int]) -> RankMemory:
        """The rank with the smallest pool relative to `needed_bytes`, one sequence's need on each rank."""
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
    """The memory of every pipeline rank; `starts` are recorded starts, `loaded` has one entry per rank."""
    budget = math.ceil(gpu.memory_bytes * engine.gpu_memory_utilization)
    offloaded = offloaded_bytes(engine_args)
    rules = engine_rules(engine.release)
    graphs = cuda_graphs(model, engine, engine_args, gpu)
    modules = warmed_modules(model, engine.release.number)
    measured = None
    if starts:
        from vllm_costmeter.core.calibration.apply import measured_of

        measured = measured_of(starts, model, gpu, engine, engine_args)
    ranks = tuple(
        RankMemory(
            index=index,
            budget_bytes=budget,
            weights=weights_range(rank.bytes_left(offloaded), model),
            beside_weights=rank.beside,
            activations=activation_peak(
                model,
                engine,
                engine_args,
                rules,
                is_first_rank=index == 0,
                is_last_rank=index == len(loaded) - 1,
            ),
            non_torch=_with(
                modules,
                non_torch(engine, rules, gpu, is_moe=model.is_moe, is_last_rank=index == len(loaded) - 1),
            ),
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


def _with(modules: ByteRange, non_torch: ByteRange) -> ByteRange:
    return non_torch.plus(modules) if modules.high_bytes else non_torch


def _on_first_start(
    rank: RankMemory, model: Model, gpu: GpuGroup, engine: EngineConfig, engine_args: EngineArgs
) -> RankMemory:
    release, is_first = engine.release.number, rank.index == 0
    peak = first_start_peak(model, engine, engine_args, release, is_first_rank=is_first)
    if peak is None:
        return rank
    residue = first_start_residue(model, engine, engine_args, release, gpu, is_first_rank=is_first)
    return replace(rank, activations=rank.activations.at_least(peak), non_torch=rank.non_torch.plus(residue))
