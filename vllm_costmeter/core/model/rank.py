"""How one GPU's share of a model is cut, and what of the plan decides about its tensors."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Rank:
    """How one GPU's share of a model is cut."""

    tensor_parallel_size: int = 1
    expert_parallel_size: int = 1
    """Ranks that experts are dealt out to; 1: no expert parallelism."""
    expert_tensor_parallel_size: int = 1
    """Ways each expert is cut: tensor x data parallel without expert parallelism, 1 with it."""
    sequence_parallel_experts: bool = False
    """True under expert, tensor and data parallelism together: each rank then holds whole shared experts."""
    element_bytes: int = 2
    """Bytes of one value in the dtype that the model is served in."""
    is_eager: bool = False
    """True under --enforce-eager: only then does vLLM use its own kernels for simple operations."""
    served_tokens: int | None = None
    """`--max-model-len`; None: the model's own length."""
    has_video_tables: bool = False
    """True before vLLM 0.32: every multimodal rotary table is four times the model's length."""
