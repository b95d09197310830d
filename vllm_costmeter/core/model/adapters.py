"""LoRA adapter slots: the low-rank matrices A and B that vLLM allocates for every layer of a model.

Source: vllm/lora/layers (0.32). A has one matrix per fused projection, B one row per output of the layer on
the rank. Column-parallel layers replicate A; row-parallel layers split it along their inputs.
"""

from __future__ import annotations

from collections.abc import Iterable

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.model.parts import Embedding, Experts, Linear, Part
from vllm_costmeter.core.model.rank import Rank

_UNSUPPORTED = "mixer.gate"  # routers of non-gated experts, lora/model_manager.py
_INT64_BYTES = 8
_SEPARATE_FROM = 3  # fewer projections than this, fused in the checkpoint itself, count as one slice


@dataclass(frozen=True, slots=True)
class AdapterShare:
    """Adapter values on one rank, per slot and per unit of adapter rank."""

    values: int = 0
    expert_values: int = 0
    """The part of `values` that belongs to routed experts."""
    fixed_bytes: int = 0
    """Bytes of tables that depend on neither slots nor rank."""

    def plus(self, other: AdapterShare, times: int = 1) -> AdapterShare:
        return AdapterShare(
            self.values + other.values * times,
            self.expert_values + other.expert_values * times,
            self.fixed_bytes + other.fixed_bytes * times,
        )


def adapter_share(parts: Iterable[Part], rank: Rank, *, embedding: bool, head: bool) -> AdapterShare:
    """The share of `parts`; `embedding`, `head`: whether adapters apply to embedding and output head."""
    total = AdapterShare()
    for part in parts:
        if isinstance(part, Linear):
            total = total.plus(AdapterShare(_linear(part, rank)))
        elif isinstance(part, Experts):
            values = _experts(part, rank)
            total = total.plus(AdapterShare(values, values))
        elif isinstance(part, Embedding) and part.quantized and head:
            total = total.plus(head_share(part.vocab_size, part.width, rank))
        elif isinstance(part, Embedding) and not part.quantized and embedding:
            total = total.plus(AdapterShare(part.vocab_size + part.width))
    return total


def head_share(vocab_size: int, width: int, rank: Rank) -> AdapterShare:
    """The output head's slot: the whole vocabulary on every rank, with several ranks an index table too."""
    rows = -(-vocab_size // 64) * 64
    table = rows * _INT64_BYTES if rank.tensor_parallel_size > 1 else 0
    return AdapterShare(vocab_size + width, fixed_bytes=table)


def _linear(part: Linear, rank: Rank) -> int:
    if part.name.endswith(_UNSUPPORTED):
        return 0
    shape = part.on(rank)
    return shape.inputs * _slices(part) + sum(shape.outputs)


def _slices(part: Linear) -> int:
    if part.split != "column":
        return 1
    is_attention = any(output.replicated for output in part.outputs)
    stored_as_one = not part.fused_from and (is_attention or len(part.outputs) < _SEPARATE_FROM)
    return 1 if stored_as_one else len(part.outputs)


def _experts(part: Experts, rank: Rank) -> int:
    shape = part.on(rank)
    up = shape.up_projections * (shape.hidden + shape.intermediate)
    return shape.count * (up + shape.intermediate + shape.hidden)
