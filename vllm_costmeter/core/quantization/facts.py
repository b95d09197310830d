"""What a checkpoint's quantization section states beyond bytes: what decides whether vLLM serves it at all."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class QuantizationFacts:
    """Fields are None or empty where the method has no such thing."""

    method: str
    """`quant_method` as the checkpoint spells it, in lower case."""
    bits: int | None = None
    group_size: int | None = None
    """-1: one group per output."""
    is_symmetric: bool | None = None
    has_zero_points: bool | None = None
    reorders_activations: bool = False
    """GPTQ's `desc_act` where it has an effect; compressed-tensors' `actorder` group or dynamic."""
    has_static_blocks: bool = False
    """FP8 blocks with static activation scales."""
    is_sparse: bool = False
    """compressed-tensors: whether modules are stored 2:4 sparse."""
    schemes: frozenset[str] = frozenset()
    """compressed-tensors: the kinds of its groups that a rule asks for, as in `core.refusals.quantization_gpu`."""
