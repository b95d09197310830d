"""How a model is cut into the shares of GPUs, and what of the flags decides about their tensors."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass

DTYPE_BYTES = {"float32": 4, "float": 4, "bfloat16": 2, "float16": 2, "half": 2}
"""Bytes of one value, by the names that `--dtype` takes besides auto (vLLM 0.33, ModelDType of config/model.py)."""


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


def pipeline_spans(num_layers: int, num_ranks: int) -> tuple[tuple[int, int], ...]:
    """First and last-plus-one layer of each rank: equal shares, what is left over goes to the ranks before the last,
    which holds the head (`get_pp_indices`, vLLM 0.17 to 0.33)."""
    share, left = divmod(num_layers, num_ranks)
    spans, end = [], 0
    for rank in range(num_ranks):
        start = end
        end += share + (num_ranks - 1 - left <= rank < num_ranks - 1)
        spans.append((start, end))
    return tuple(spans)
