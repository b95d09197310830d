"""Tensor-parallel sizes that vLLM refuses."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.kv_cache.parallel import context_parallel_fault, tensor_parallel_fault
from vllm_costmeter.core.model.attention import (
    Cache,
    FullAttention,
    GatedDeltaState,
    Mamba2State,
    MlaLatent,
    ModelAttention,
)


def fault(cache: Cache, heads: int, size: int) -> str | None:
    return tensor_parallel_fault(ModelAttention(((cache,),), heads, "bfloat16"), size)


@pytest.mark.parametrize(
    ("cache", "heads", "size", "reason"),
    [
        (FullAttention(4, 128), 28, 8, "28 attention heads"),
        (FullAttention(10, 128), 40, 8, "10 KV heads"),
        (GatedDeltaState(16, 48, 128, 128, 4), 64, 32, "linear-attention heads"),
        (Mamba2State(4096, 6, 64, 64, 128, 4), 64, 4, "6 Mamba groups"),
    ],
)
def test_heads_that_do_not_divide_are_named(cache: Cache, heads: int, size: int, reason: str) -> None:
    """The reason says which heads and which flag."""
    text = fault(cache, heads, size)
    assert text is not None
    assert reason in text
    assert f"--tensor-parallel-size {size}" in text


def test_replicated_heads_and_latents_do_not_object() -> None:
    """Fewer KV heads than ranks are replicated; a latent belongs to every rank."""
    assert fault(FullAttention(2, 128), 64, 8) is None
    assert fault(MlaLatent(512, 64), 128, 16) is None
    assert fault(Mamba2State(4096, 1, 64, 64, 128, 4), 64, 8) is None


@pytest.mark.parametrize(
    ("tensor", "context", "says"),
    [
        (8, 1, None),
        (8, 2, "needs --tensor-parallel-size 16 or more: there are 8 KV heads"),
        (16, 2, None),
        (32, 4, None),
    ],
)
def test_context_ranks_share_replicated_heads_only(tensor: int, context: int, says: str | None) -> None:
    """A Llama with 32 query and 8 KV heads: a KV head per rank leaves nothing to split."""
    model = ModelAttention(((FullAttention(8, 128),),), 32, "bfloat16")
    fault = context_parallel_fault(
        model, ParallelConfig(tensor_parallel_size=tensor, decode_context_parallel_size=context)
    )
    assert fault is None if says is None else says in (fault or "")


def test_context_ranks_divide_the_query_heads_of_a_kv_head() -> None:
    """Six query heads per KV head are not shared by four ranks."""
    model = ModelAttention(((FullAttention(2, 128),),), 12, "bfloat16")
    layout = ParallelConfig(tensor_parallel_size=12, decode_context_parallel_size=4)
    assert context_parallel_fault(model, layout) == (
        "6 query heads per KV head are not divisible by --decode-context-parallel-size 4"
    )
