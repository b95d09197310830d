"""vLLM's own counts as values: where they hold, what the fit check makes of them, and what it does elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.suggest import with_suggestions
from vllm_costmeter.core.fit.vllm_counts import BlockNeed, CountedWeights, ExactCounts, ExactFacts
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.kv_cache import kv_rules
from vllm_costmeter.core.kv_cache.layers import SequenceLimits
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.model.attention import ModelAttention
from vllm_costmeter.core.model.checkpoint_weights import UndividedWeights
from vllm_costmeter.core.model.model import Model, Sizes
from vllm_costmeter.core.release import release_of

CARD = GpuGroup("H100 SXM", round(79.19 * GIB), compute_capability=(9, 0))
RELEASE = release_of("0.32.0")
COUNTS = ExactCounts(
    vllm_version="0.32.0",
    weights_bytes=(16 * GIB,),
    converted_bytes=(0,),
    layers=((),),
    bytes_per_block=(2 << 20,),
    groups=(BlockNeed(0, 16),),
    max_num_batched_tokens=8192,
)


def unheard_of(counts: ExactCounts = COUNTS, engine_args: EngineArgs | None = None) -> Model:
    """A model of no known architecture, counted by vLLM."""
    facts = ExactFacts(counts, engine_args or EngineArgs(), (9, 0))
    return Model(
        id="made-up/model",
        architecture="NobodysForCausalLM",
        dtype="bfloat16",
        quantization=None,
        max_model_len=1_000_000,
        default_max_model_len=1_000_000,
        sizes=Sizes(4096, 128256, 32, 32, 8, 128, 14336),
        attention=ModelAttention((), 32, "bfloat16"),
        weights=CountedWeights(facts, UndividedWeights()),
        weights_source="vllm",
        weights_error=0.0,
        not_understood="architecture NobodysForCausalLM is not known",
        counted=facts,
    )


@given(
    need=st.one_of(
        st.builds(BlockNeed, st.integers(1, 8)),
        st.builds(BlockNeed, st.just(0), st.integers(1, 2048)),
        st.builds(BlockNeed, st.integers(0, 1), st.integers(1, 2048), st.integers(1, 100_000)),
    ),
    length=st.integers(1, 2_000_000),
)
def test_a_need_becomes_a_layer_that_takes_the_same_blocks(need: BlockNeed, length: int) -> None:
    """The fit check's own layers stand for vLLM's answer without changing a block of it."""
    assert need.as_layer().blocks_for(length, SequenceLimits(0)) == need.blocks_for(length)


def test_a_need_of_no_known_shape_is_not_bent_into_one() -> None:
    """Two fixed blocks beside growing ones exist in no layer of ours."""
    with pytest.raises(ValueError, match="no layer"):
        BlockNeed(2, 16, 4096).as_layer()


def test_the_counted_cache_answers_for_any_pool_and_length() -> None:
    """8 GiB of 2 MiB blocks hold 4,096 blocks of 16 tokens; one is held back by this vLLM."""
    cache = ExactFacts(COUNTS, EngineArgs(), (9, 0)).kv_cache(kv_rules(RELEASE))
    assert cache.bytes_needed(100) == (7 * (2 << 20),)
    assert cache.longest_that_fits(8 * GIB, 1_000_000) == 4095 * 16
    assert cache.capacity(1600, 8 * GIB).max_concurrency == 40.96


def test_a_model_nobody_knows_is_judged_by_vllms_counts() -> None:
    """Weights and cache are vLLM's, and the answer says so."""
    result = fit(unheard_of(), CARD, EngineArgs(max_model_len=32768), RELEASE)
    assert result.verdict == "fits"
    assert result.per_gpu is not None
    assert result.per_gpu.weights_bytes == 16 * GIB
    assert result.per_gpu.kv_cache_needed_bytes == 2048 * (2 << 20)
    assert (result.provenance["weights"], result.provenance["kv_cache"]) == ("vllm", "vllm")


@pytest.mark.parametrize(
    "engine_args",
    [
        EngineArgs(layout=ParallelConfig(tensor_parallel_size=2)),
        EngineArgs(kv_cache_dtype="fp8"),
        EngineArgs(quantization="fp8_per_tensor"),
        EngineArgs(block_size=64),
    ],
)
def test_counts_of_one_deployment_are_not_used_for_another(engine_args: EngineArgs) -> None:
    """Another layout or dtype was not counted: for a model nobody knows the answer is unknown, never a guess."""
    assert fit(unheard_of(), replace(CARD, count=8), engine_args, RELEASE).verdict == "unknown"


def test_another_gpu_was_not_asked_about() -> None:
    """Backends follow the GPU, so a cache counted for Hopper says nothing about Ada."""
    assert (
        fit(unheard_of(), replace(CARD, compute_capability=(8, 9)), EngineArgs(), RELEASE).verdict
        == "unknown"
    )


def test_suggestions_stay_within_what_was_counted() -> None:
    """A shorter context and the like keep the counts; more GPUs or another cache dtype would be guesses."""
    engine_args = EngineArgs(gpu_memory_utilization=0.5)
    result = fit(unheard_of(), CARD, engine_args, RELEASE)
    assert result.verdict == "refused"
    suggested = with_suggestions(result, unheard_of(), CARD, engine_args).suggestions
    changed = {name for suggestion in suggested for name in suggestion.change}
    assert "max_model_len" in changed
    assert not changed & {"tensor_parallel_size", "kv_cache_dtype", "quantization", "gpu"}


@pytest.mark.parametrize("speculative_config", [None, {"model": "a/drafter"}])
def test_counts_answer_where_our_rules_would_not(speculative_config: dict[str, str] | None) -> None:
    """A drafter that was counted with its model, and a release that its architecture is newer than."""
    args = EngineArgs(max_model_len=32768, speculative_config=speculative_config)
    model = replace(unheard_of(engine_args=args), first_release=(9, 0, 0))
    assert fit(model, CARD, args, RELEASE).verdict == "fits"
    other = fit(model, CARD, replace(args, kv_cache_dtype="fp8"), RELEASE)
    assert other.message == (
        "vLLM 0.32.0 does not know NobodysForCausalLM; the first release that does is 9.0.0"
    )
