"""The tensors that one rank holds of a list of parts, added up: their bytes, and what the allocator keeps for them."""

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
from vllm_costmeter.core.model.rank import Rank
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES, UNQUANTISED, Quantization

ATTENTION_SCALES = 4  # _q_scale, _k_scale, _v_scale, _prob_scale in vLLM's Attention layer, 0.32

_BLOCK_BYTES = 512
_OWN_SEGMENT_BYTES = 10 << 20
_SEGMENT_STEP_BYTES = 2 << 20
_SPLIT_ABOVE_BYTES = 1 << 20


@dataclass(slots=True)
class Tally:
    """A running sum over parts; tables that layers share are kept aside, to be counted once per rank."""

    bytes: int = 0
    held_bytes: int = 0
    """As `bytes`, each tensor rounded up to what the CUDA allocator keeps for it."""
    repacked_bytes: int = 0
    """What vLLM's conversion to its kernels' layout adds."""
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
    """`prefix` is what vLLM's names of the parts begin with: quantization rules look at whole names."""
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
    if isinstance(scheme, Mxfp4):  # laid out anew for the kernel: its padding replaces the allocator's
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


def count_parameters(parts: Iterable[Part]) -> int:
    """Values of the whole model, unquantized and unpadded; buffers are not parameters."""
    total = 0
    for part in parts:
        if isinstance(part, Repeated):
            total += count_parameters(part.block) * part.count
        elif not isinstance(part, (Buffer, AttentionScales)):
            total += part.parameters
    return total


def held_bytes(tensor_bytes: int) -> int:
    """What PyTorch's caching allocator holds for one tensor: a little more than the tensor.

    Constants of c10/cuda/CUDACachingAllocator.cpp (PyTorch 2.13, 2026): blocks are multiples of 512 bytes; a tensor
    of 10 MiB or more gets a segment of its own, a multiple of 2 MiB, and what is left of it stays with the tensor
    unless it is more than 1 MiB. Servers' logged weights show it: Qwen2.5-7B weighs 14.193 GiB and logs 14.25, Phi-4
    27.309 and 27.39 (vLLM 0.19 start-up logs on H100).
    """
    block = _round_up(tensor_bytes, _BLOCK_BYTES)
    if block < _OWN_SEGMENT_BYTES:
        return block
    segment = _round_up(block, _SEGMENT_STEP_BYTES)
    return block if segment - block > _SPLIT_ABOVE_BYTES else segment


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step
