"""vLLM's own counts: for which flags, GPU, batch and release they hold, and what answers otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import FixedWeights

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.vllm_counts import BlockNeed, CountedWeights, ExactCounts, ExactFacts, ExactLayer
from vllm_costmeter.core.kv_cache import kv_rules
from vllm_costmeter.core.quantization.scheme import KernelTarget
from vllm_costmeter.core.release import release_of

RELEASE = release_of("0.32.0")
HOPPER = (9, 0)
COUNTS = ExactCounts(
    vllm_version="0.32.0+cu130",
    weights_bytes=(700,),
    converted_bytes=(70,),
    layers=((),),
    bytes_per_block=(1024,),
    groups=(BlockNeed(0, 16),),
    max_num_batched_tokens=8192,
)
FACTS = ExactFacts(COUNTS, EngineArgs(), HOPPER)
FP8 = EngineArgs(kv_cache_dtype="fp8")


class OtherWeights(FixedWeights):
    """Weights of 500 bytes, of which a conversion adds some and the allocator keeps 5; another GPU changes them."""

    converted = 50

    def on_gpu(self, gpu: KernelTarget) -> FixedWeights:
        """400 bytes without a capability."""
        return self if gpu.compute_capability is not None else OtherWeights(400)

    def converted_bytes_per_pipeline_rank(self, engine_args: EngineArgs, dtype: str) -> tuple[int, ...]:
        """As stated."""
        return (self.converted,)

    def allocator_slack_per_pipeline_rank(self, engine_args: EngineArgs, dtype: str) -> tuple[int, ...]:
        """Five."""
        return (5,)


WEIGHTS = CountedWeights(FACTS, OtherWeights(500, parameters=8))


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        (EngineArgs(), True),
        (EngineArgs(max_model_len=16, max_num_seqs=1, gpu_memory_utilization=0.5), True),
        (EngineArgs(enforce_eager=True, cudagraph_mode="NONE", video_frames=4), True),
        (EngineArgs(block_size=32), False),
        (FP8, False),
        (EngineArgs(layout=ParallelConfig(pipeline_parallel_size=2)), False),
    ],
)
def test_counts_hold_for_flags_that_move_neither_weights_nor_cache(asked: EngineArgs, holds: bool) -> None:
    """Length, batch, budget and graphs may differ."""
    assert FACTS.holds_for(asked) is holds
    assert FACTS.holds_on(asked, HOPPER, 8192) is holds


@pytest.mark.parametrize(
    ("capability", "batched", "holds"),
    [(HOPPER, 8192, True), (HOPPER, 8193, False), (HOPPER, 1, True), ((8, 9), 8192, False), (None, 1, False)],
)
def test_a_cache_holds_on_its_gpu_for_batches_up_to_the_counted(
    capability: tuple[int, int] | None, batched: int, holds: bool
) -> None:
    assert FACTS.holds_on(EngineArgs(), capability, batched) is holds


def test_weights_are_the_counted_ones_for_the_counted_flags_alone() -> None:
    """Of the conversions the larger: vLLM's count covers fewer layouts. Parameters and slack were not counted."""
    assert WEIGHTS.bytes_per_pipeline_rank(EngineArgs(), "bfloat16") == (700,)
    assert WEIGHTS.bytes_per_pipeline_rank(FP8, "bfloat16") == (500,)
    assert WEIGHTS.converted_bytes_per_pipeline_rank(EngineArgs(), "bfloat16") == (70,)
    assert WEIGHTS.converted_bytes_per_pipeline_rank(FP8, "bfloat16") == (50,)
    more = replace(WEIGHTS, facts=replace(FACTS, counts=replace(COUNTS, converted_bytes=(40,))))
    assert more.converted_bytes_per_pipeline_rank(EngineArgs(), "bfloat16") == (50,)
    assert WEIGHTS.allocator_slack_per_pipeline_rank(EngineArgs(), "bfloat16") == (5,)
    assert WEIGHTS.parameters == 8


def test_another_release_has_its_own_weights() -> None:
    """A build of the same release keeps the counts; another GPU changes only what was not counted."""
    assert WEIGHTS.on_gpu(KernelTarget(HOPPER, RELEASE)) is WEIGHTS
    assert WEIGHTS.on_gpu(KernelTarget(HOPPER, release_of("0.31.0"))) is WEIGHTS.otherwise
    elsewhere = WEIGHTS.on_gpu(KernelTarget(None, RELEASE))
    assert elsewhere.bytes_per_pipeline_rank(EngineArgs(), "bfloat16") == (700,)
    assert elsewhere.bytes_per_pipeline_rank(FP8, "bfloat16") == (400,)


def test_recurrent_layers_are_counted_among_the_states() -> None:
    """Two of Mamba with 96 bytes each beside full attention; a window of 33 tokens needs two blocks and one more."""
    counts = replace(
        COUNTS,
        layers=((ExactLayer("FullAttentionSpec", 64, 16, 4), ExactLayer("MambaSpec", 96, 8, 2)),),
        groups=(BlockNeed(1, 16, 32), BlockNeed(1)),
    )
    cache = replace(FACTS, counts=counts).kv_cache(kv_rules(RELEASE))
    ((state, count),) = cache.layers[0]
    assert (state.page_bytes, state.block_tokens, count) == (96, 8, 2)
    assert cache.holds_states
    assert cache.bytes_needed(1000) == (4 * 1024,)
    assert not FACTS.kv_cache(kv_rules(RELEASE)).holds_states


@pytest.mark.parametrize(("version", "tokens"), [("0.20.0", 800), ("0.21.0", 1584)])
def test_a_counted_hybrid_logs_the_tokens_of_its_release(version: str, tokens: int) -> None:
    """100 blocks for two groups: up to 0.20 `num_blocks // len(groups) * min_block_size`, the attention's 16 tokens and
    not a state's whole context; from 0.21 on those of the requests of 1,600 tokens, 101 blocks each, that fit."""
    layers = (ExactLayer("FullAttentionSpec", 64, 16, 4), ExactLayer("MambaSpec", 64, 131_072, 2))
    counts = replace(COUNTS, layers=(layers,), groups=(BlockNeed(0, 16), BlockNeed(1)))
    cache = replace(FACTS, counts=counts).kv_cache(kv_rules(release_of(version)))
    assert cache.capacity(1600, 100 * 1024).tokens == tokens
