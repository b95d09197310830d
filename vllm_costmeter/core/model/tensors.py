"""Sums of the tensors of a list of parts on one rank: their bytes, and those the allocator reserves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.core.model.parts import (
    AttentionScales,
    Buffer,
    Embedding,
    Experts,
    Linear,
    Part,
    Repeated,
    Tensor,
)
from vllm_costmeter.core.model.rank import Rank, pipeline_spans
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES, UNQUANTISED, Quantization

ATTENTION_SCALES = 4  # _q_scale, _k_scale, _v_scale, _prob_scale in vLLM's Attention layer, 0.32

_BLOCK_BYTES = 512
_OWN_SEGMENT_BYTES = 10 << 20
_SEGMENT_STEP_BYTES = 2 << 20
_SPLIT_ABOVE_BYTES = 1 << 20


@dataclass(slots=True)
class Tally:
    """A running sum over parts; tables shared between layers are kept separate and counted once per rank."""

    bytes: int = 0
    held_bytes: int = 0
    """`bytes` with each tensor rounded up as by the CUDA allocator."""
    repacked_bytes: int = 0
    """Bytes added by vLLM's conversion to the layout of its kernels."""
    tables: dict[Buffer, int] = field(default_factory=dict)

    def add(self, tensors: Sequence[int]) -> None:
        self.bytes += sum(tensors)
        self.held_bytes += sum(map(held_bytes, tensors))

    def add_tally(self, other: Tally, times: int = 1) -> None:
        self.bytes += other.bytes * times
        self.held_bytes += other.held_bytes * times
        self.repacked_bytes += other.repacked_bytes * times
        self.tables.update(other.tables)

    def with_tables(self) -> Tally:
        whole = Tally(self.bytes, self.held_bytes, self.repacked_bytes)
        whole.add(tuple(self.tables.values()))
        return whole


def tally(parts: Iterable[Part], prefix: str, rank: Rank, quantization: Quantization) -> Tally:
    """The sum over `parts`; `prefix` completes their names in vLLM, which quantization rules match."""
    total = Tally()
    for part in parts:
        if isinstance(part, Linear):
            total.add(_linear(part, prefix, rank, quantization))
        elif isinstance(part, Tensor):
            total.add((part.bytes_on(rank),))
        elif isinstance(part, Experts):
            _add_experts(total, part, prefix, rank, quantization)
        elif isinstance(part, Embedding):
            total.add(_embedding(part, prefix, rank, quantization))
        elif isinstance(part, AttentionScales):
            own = quantization.attention_bytes(rank.element_bytes, part.is_mla)
            total.bytes += ATTENTION_SCALES * FLOAT32_BYTES + own
            total.held_bytes += ATTENTION_SCALES * FLOAT32_BYTES + own
        elif isinstance(part, Repeated):
            block = tally(part.block, f"{prefix}{part.name}.0.", rank, quantization)
            total.add_tally(block, part.count)
        elif part.shared:
            total.tables[part] = part.bytes_on(rank)
        else:
            total.add((part.bytes_on(rank),))
    return total


def _linear(part: Linear, prefix: str, rank: Rank, quantization: Quantization) -> Sequence[int]:
    shape = part.on(rank)
    chosen = quantization if part.quantized else UNQUANTISED
    tensors = chosen.linear_scheme(prefix + part.name, part.fused_from).linear_tensors(shape)
    return (*tensors, sum(shape.outputs) * rank.element_bytes) if part.bias else tensors


def _add_experts(total: Tally, part: Experts, prefix: str, rank: Rank, quantization: Quantization) -> None:
    from vllm_costmeter.core.quantization.schemes.fp4 import Mxfp4

    shape = part.on(rank)
    scheme = quantization.experts_scheme(prefix + part.name, part.checkpoint_names)
    tensors = scheme.experts_tensors(shape)
    if isinstance(scheme, Mxfp4):  # repacked for the kernel, whose padding replaces the allocator's
        total.bytes += sum(tensors)
        total.held_bytes += sum(tensors)
        total.repacked_bytes += scheme.repacking_bytes(shape)
    else:
        total.add(tensors)
    if part.bias:
        per_expert = shape.up_projections * shape.intermediate + shape.hidden
        total.add((shape.count * per_expert * rank.element_bytes,))


def _embedding(part: Embedding, prefix: str, rank: Rank, quantization: Quantization) -> Sequence[int]:
    rows = part.rows_on(rank)
    bias = (rows * rank.element_bytes,) if part.bias else ()
    if not part.quantized:
        return rows * part.width * rank.element_bytes, *bias
    shape = replace(Linear(part.name, part.width, (), "none").on(rank), outputs=(rows,))
    return *quantization.head_scheme(prefix + part.name).linear_tensors(shape), *bias


def on_each_rank(towers: Sequence[Part], ranks: int) -> list[list[Part]]:
    """What each pipeline rank holds of the towers: its share of blocks that ranks divide, all of everything else."""
    each: list[list[Part]] = [[] for _ in range(ranks)]
    for part in towers:
        if not (isinstance(part, Repeated) and part.is_pipelined):
            for held in each:
                held.append(part)
            continue
        for held, (start, end) in zip(each, pipeline_spans(part.count, ranks), strict=True):
            held.append(replace(part, count=end - start))
    return each


def count_parameters(parts: Iterable[Part]) -> int:
    """Number of parameters of `parts`, unsplit, unquantized and unpadded, without buffers."""
    total = 0
    for part in parts:
        if isinstance(part, Repeated):
            total += count_parameters(part.block) * part.count
        elif not isinstance(part, (Buffer, AttentionScales)):
            total += part.parameters
    return total


def held_bytes(tensor_bytes: int) -> int:
    """Bytes that PyTorch's caching allocator reserves for one tensor.

    Constants of c10/cuda/CUDACachingAllocator.cpp (PyTorch 2.13, 2026): blocks are multiples of 512 bytes; a
    tensor of 10 MiB or more gets a separate segment, a multiple of 2 MiB, and keeps the remainder unless it
    exceeds 1 MiB. Logged weights confirm it: Qwen2.5-7B has 14.193 GiB and logs 14.25, Phi-4 has 27.309 and
    logs 27.39 (vLLM 0.19 start-up logs on H100).
    """
    block = _round_up(tensor_bytes, _BLOCK_BYTES)
    if block < _OWN_SEGMENT_BYTES:
        return block
    segment = _round_up(block, _SEGMENT_STEP_BYTES)
    return block if segment - block > _SPLIT_ABOVE_BYTES else segment


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step
