"""Tensor- and context-parallel sizes that vLLM refuses."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.kv_cache.parallel import context_parallel_fault, tensor_parallel_fault
from vllm_costmeter.core.model.attention import (
    Cache,
    ChunkedLocal,
    CrossAttention,
    FullAttention,
    GatedDeltaState,
    KimiDeltaState,
    LightningState,
    Mamba1State,
    Mamba2State,
    MlaLatent,
    ModelAttention,
    RegionAttention,
    ShortConvState,
    SlidingWindow,
)


def fault(cache: Cache, size: int, heads: int = 64) -> str | None:
    return tensor_parallel_fault(ModelAttention(((cache,),), heads, "bfloat16"), size)


@pytest.mark.parametrize(
    ("cache", "size", "what"),
    [
        (FullAttention(10, 128), 8, "10 KV heads"),
        (FullAttention(4, 128, sink_tokens=1), 8, "4 KV heads with sinks of their own"),
        (SlidingWindow(10, 128, 1024), 8, "10 KV heads"),
        (ChunkedLocal(10, 128, 1024), 8, "10 KV heads"),
        (CrossAttention(20, 64), 8, "20 KV heads"),
        (RegionAttention(12, 192, 256, 8), 8, "12 KV heads"),
        (Mamba1State(8196, 16, 4), 8, "8196 Mamba channels"),
        (Mamba2State(4096, 6, 64, 64, 128, 4), 4, "6 Mamba groups"),
        (Mamba2State(4096, 8, 68, 64, 128, 4), 8, "68 Mamba heads"),
        (Mamba2State(4096, 1, 68, 64, 128, 4), 8, "68 Mamba heads"),
        (GatedDeltaState(16, 48, 128, 128, 4), 32, "16 and 48 linear-attention heads"),
        (GatedDeltaState(16, 64, 128, 128, 4), 32, "16 and 64 linear-attention heads"),
        (GatedDeltaState(32, 48, 128, 128, 4), 32, "32 and 48 linear-attention heads"),
        (KimiDeltaState(12, 128, 4), 8, "12 linear-attention heads"),
        (LightningState(12, 128), 8, "12 linear-attention heads"),
        (ShortConvState(2052, 3), 8, "2052 convolution channels"),
    ],
)
def test_heads_and_channels_that_do_not_divide_are_named(cache: Cache, size: int, what: str) -> None:
    """The reason says which, and names the flag."""
    assert fault(cache, size) == f"{what} are not divisible by --tensor-parallel-size {size}"


def test_query_heads_are_named_first() -> None:
    """28 on eight ranks, whatever the caches are."""
    assert fault(FullAttention(10, 128), 8, heads=28) == (
        "28 attention heads are not divisible by --tensor-parallel-size 8"
    )


@pytest.mark.parametrize(
    ("cache", "size"),
    [
        (FullAttention(2, 128), 8),
        (FullAttention(8, 128), 2),
        (FullAttention(8, 128), 8),
        (FullAttention(8, 128, sink_tokens=1), 8),
        (RegionAttention(4, 192, 256, 8), 8),
        (MlaLatent(512, 64), 16),
        (Mamba1State(8192, 16, 4), 8),
        (Mamba2State(4096, 1, 64, 64, 128, 4), 8),
        (Mamba2State(4096, 8, 64, 64, 128, 4), 8),
        (GatedDeltaState(16, 32, 128, 128, 4), 16),
        (KimiDeltaState(32, 128, 4), 8),
        (LightningState(64, 128), 8),
        (ShortConvState(2048, 3), 8),
    ],
)
def test_what_divides_or_is_replicated_does_not_object(cache: Cache, size: int) -> None:
    """Fewer KV heads than ranks are replicated, as is a single group; a latent belongs to every rank."""
    assert fault(cache, size) is None


def test_every_layer_is_asked() -> None:
    """The second cache of the second layer is the one that does not divide."""
    layers: tuple[tuple[Cache, ...], ...] = (
        (FullAttention(8, 128),),
        (FullAttention(8, 128), CrossAttention(20, 64)),
    )
    found = tensor_parallel_fault(ModelAttention(layers, 64, "bfloat16"), 8)
    assert found == "20 KV heads are not divisible by --tensor-parallel-size 8"


@pytest.mark.parametrize(
    ("tensor", "context", "says"),
    [
        (8, 1, None),
        (
            8,
            2,
            "--decode-context-parallel-size 2 needs --tensor-parallel-size 16 or more: there are 8 KV heads",
        ),
        (16, 2, None),
        (32, 4, None),
        (32, 3, "4 query heads per KV head are not divisible by --decode-context-parallel-size 3"),
    ],
)
def test_context_ranks_share_replicated_heads_only(tensor: int, context: int, says: str | None) -> None:
    """A Llama with 32 query and 8 KV heads: a KV head per rank leaves nothing to split."""
    model = ModelAttention(((FullAttention(8, 128),),), 32, "bfloat16")
    layout = ParallelConfig(tensor_parallel_size=tensor, decode_context_parallel_size=context)
    assert context_parallel_fault(model, layout) == says


def test_context_ranks_ask_each_number_of_heads_and_no_latents() -> None:
    """The smaller number passes and the larger does not; latents and windows are not asked."""
    layers = (FullAttention(8, 128), FullAttention(4, 128), MlaLatent(512, 64), SlidingWindow(64, 128, 1024))
    model = ModelAttention((layers,), 64, "bfloat16")
    layout = ParallelConfig(tensor_parallel_size=8, decode_context_parallel_size=2)
    assert context_parallel_fault(model, layout) == (
        "--decode-context-parallel-size 2 needs --tensor-parallel-size 16 or more: there are 8 KV heads"
    )
    latents = ModelAttention(((MlaLatent(512, 64), SlidingWindow(64, 128, 1024)),), 64, "bfloat16")
    assert context_parallel_fault(latents, layout) is None


def test_context_ranks_divide_the_query_heads_of_a_kv_head() -> None:
    """Six query heads per KV head are not shared by four ranks."""
    model = ModelAttention(((FullAttention(2, 128),),), 12, "bfloat16")
    layout = ParallelConfig(tensor_parallel_size=12, decode_context_parallel_size=4)
    assert context_parallel_fault(model, layout) == (
        "6 query heads per KV head are not divisible by --decode-context-parallel-size 4"
    )
