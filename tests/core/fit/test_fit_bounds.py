"""What is refused or unknown before any byte of a KV cache is compared, and what an answer carries."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import ADA, GIB, llama, not_understood

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.attention import FullAttention, ModelAttention, SlidingWindow
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.quantization.named import NamedQuantization
from vllm_costmeter.core.release import NEWEST, release_of

SHORT = EngineArgs(max_model_len=4096)
FP8_NAME = NamedQuantization("FP8", 0.5)
TWO_PAGES = ModelAttention(
    ((FullAttention(8, 128),), (SlidingWindow(5, 128, 512),)), num_attention_heads=40, dtype="bfloat16"
)
"""Pages of 8 and of 5 heads: neither divides the other."""


def layout(tensor: int = 1, pipeline: int = 1, context: int = 1) -> EngineArgs:
    """A short context on several GPUs."""
    parallel = ParallelConfig(
        tensor_parallel_size=tensor,
        pipeline_parallel_size=pipeline,
        decode_context_parallel_size=context,
    )
    return replace(SHORT, layout=parallel)


def on(count: int, asked: EngineArgs, model: Model | None = None) -> Fit:
    """An 8B on so many 4090s."""
    return fit(model or llama(), replace(ADA, count=count), asked, NEWEST)


@pytest.mark.parametrize(
    ("count", "asked", "message"),
    [
        (1, layout(2), "--tensor-parallel-size 2 needs 2 GPUs; 1 is available"),
        (
            3,
            layout(2, 2),
            "--tensor-parallel-size 2 x --pipeline-parallel-size 2 needs 4 GPUs; 3 are available",
        ),
    ],
)
def test_more_ranks_than_gpus_are_refused(count: int, asked: EngineArgs, message: str) -> None:
    """As many are not."""
    result = on(count, asked)
    assert (result.verdict, result.reason, result.message) == ("refused", "gpu_count", message)
    assert on(asked.layout.world_size, asked).verdict == "fits"


def test_a_model_without_pipelines_has_one_stage() -> None:
    """One that vLLM can split may have two."""
    whole = llama(is_pipelined=False)
    result = on(2, layout(pipeline=2), whole)
    assert (result.verdict, result.reason) == ("refused", "parallel_layout")
    assert result.message == (
        "vLLM cannot split LlamaForCausalLM into pipeline stages: leave --pipeline-parallel-size at 1"
    )
    assert on(2, layout(2), whole).verdict == on(2, layout(pipeline=2)).verdict == "fits"


def test_context_parallelism_needs_more_ranks_than_kv_heads() -> None:
    """Two times eight heads."""
    result = on(2, layout(2, context=2))
    assert (result.verdict, result.reason) == ("refused", "parallel_layout")
    assert "needs --tensor-parallel-size 16 or more: there are 8 KV heads" in result.message


def test_a_release_before_the_models_first_is_unknown() -> None:
    """Its first is not."""
    model = llama(first_release=(0, 20, 0))
    older, first = (fit(model, ADA, SHORT, release_of(text)) for text in ("0.19.1", "0.20.0"))
    assert (older.verdict, older.reason) == ("unknown", "not_understood")
    assert older.message == (
        "vLLM 0.19.1 does not know LlamaForCausalLM; the first release that does is 0.20.0"
    )
    assert first.verdict == "fits"


@pytest.mark.parametrize(("spare_bytes", "verdict"), [(0, "refused"), (1, "unknown")])
def test_weights_alone_refuse_a_model_without_rules(spare_bytes: int, verdict: str) -> None:
    """Where they reach the budget: half of the GPU, rounded up to a byte. A byte less is unknown, with both amounts."""
    gpu = replace(ADA, memory_bytes=10 * GIB + 1)
    model = llama((5 * GIB + 1 - spare_bytes) / GIB, not_understood="no rules")
    result = fit(model, gpu, EngineArgs(gpu_memory_utilization=0.5), NEWEST)
    assert (result.verdict, result.known_budget_bytes) == (verdict, 5 * GIB + 1)
    assert result.known_weights_bytes == 5 * GIB + 1 - spare_bytes
    assert result.provenance == {"weights": "config"}
    assert result.notes[-1].startswith("vLLM's own code can count it")
    if verdict == "refused":
        assert result.reason == "weights"
        assert result.message == "the weights need 5.00 GiB; vLLM may use 5.00 GiB of RTX 4090"
    else:
        assert (result.reason, result.message) == ("not_understood", "no rules")


def test_weights_that_nobody_understands_have_no_amount() -> None:
    """Of a model without rules; its message is that of the model."""
    result = fit(llama(fault=not_understood(), not_understood="no rules"), ADA, SHORT, NEWEST)
    assert (result.verdict, result.message) == ("unknown", "no rules")
    assert (result.known_weights_bytes, result.known_budget_bytes) == (None, None)


@pytest.mark.parametrize(("gib", "verdict"), [(10, "unknown"), (30, "refused")])
def test_a_cache_without_rules_is_unknown_unless_the_weights_are_too_heavy(gib: float, verdict: str) -> None:
    """vLLM 0.17 cannot make pages of 8 and of 5 heads equal; newer releases pad them."""
    model = llama(gib, attention=TWO_PAGES)
    result = fit(model, ADA, SHORT, release_of("0.17.0"))
    assert (result.verdict, result.per_gpu) == (verdict, None)
    if verdict == "unknown":
        assert result.message.startswith("KV cache: a page of ")
        assert "weights" in result.rules
        assert fit(model, ADA, SHORT, NEWEST).verdict == "fits"
    else:
        assert result.reason == "weights"


def test_a_quantization_flag_is_checked_against_the_checkpoint() -> None:
    """fp8_per_channel needs Ada; where only a name tells the quantization, the checkpoint may have it already."""
    ampere = replace(ADA, compute_capability=(8, 6))
    asked = replace(SHORT, quantization="fp8_per_channel")
    with pytest.raises(BadInputError, match=r"needs a GPU with compute capability 8\.9"):
        fit(llama(), ampere, asked, NEWEST)
    assert fit(llama(only_named=FP8_NAME), ampere, asked, NEWEST).verdict == "fits"
    assert fit(llama(), ADA, asked, NEWEST).verdict == "fits"


def test_a_build_between_two_releases_is_tight_where_its_release_is_refused() -> None:
    """The rule may have gone since; what does not fit anyway keeps its own reason."""
    asked = replace(SHORT, data_parallel_external_lb=True)
    found = {text: fit(llama(), ADA, asked, release_of(text)) for text in ("0.32.0", "0.32.1.dev3+g12ab34c")}
    assert [each.verdict for each in found.values()] == ["refused", "tight"]
    assert [each.reason for each in found.values()] == ["parallel_layout", "parallel_layout"]
    assert all(each.message.startswith("--data-parallel-external-lb needs") for each in found.values())
    heavy = fit(llama(60.0), ADA, asked, release_of("0.32.1.dev3+g12ab34c"))
    assert (heavy.verdict, heavy.reason) == ("refused", "weights")


def test_notes_are_of_the_release_then_of_the_model_then_of_the_gpu() -> None:
    """Each only where there is one."""
    about = replace(ADA, memory_bytes_range=(23 * GIB, 25 * GIB))
    notes = fit(llama(notes=("a model",)), about, SHORT, release_of("0.16.0")).notes
    assert [note.split(" ")[0] for note in notes] == ["vLLM", "a", "the"]
    assert fit(llama(), ADA, SHORT, NEWEST).notes == ()


def test_an_answer_says_where_its_bytes_come_from() -> None:
    """A quantization that only a name tells is one of the sources."""
    plain = {"weights": "config", "kv_cache": "config", "activations": "engine rules"}
    assert fit(llama(), ADA, SHORT, NEWEST).provenance == plain
    named = fit(llama(only_named=FP8_NAME), ADA, SHORT, NEWEST).provenance
    assert named == {**plain, "quantization": "the name contains FP8, config.json has no quantization"}


def test_pools_and_tokens_lie_in_their_ranges() -> None:
    """128 KiB a token in blocks of 16; the ends of a first start are lower than those of later ones."""
    result = fit(llama(), ADA, replace(SHORT, max_num_seqs=16), NEWEST)
    use, facts, first = result.per_gpu, result.kv_cache, result.first_start
    assert use is not None
    assert facts is not None
    assert first is not None
    assert result.kv_cache_available_range_bytes is not None
    low, high = result.kv_cache_available_range_bytes
    assert low < use.kv_cache_available_bytes < high
    pools = (low, use.kv_cache_available_bytes, high)
    assert facts.bytes_per_token == 128 * 1024
    assert (facts.tokens_range[0], facts.tokens, facts.tokens_range[1]) == tuple(
        pool // (2 << 20) * 16 for pool in pools
    )
    assert facts.max_concurrency == facts.tokens / 4096
    cold = (first.kv_cache_available_range_bytes[0], first.kv_cache_available_bytes)
    assert cold < (low, use.kv_cache_available_bytes)
    assert cold[0] < cold[1] < first.kv_cache_available_range_bytes[1]
    assert first.kv_cache.tokens == cold[1] // (2 << 20) * 16


def test_auto_serves_what_a_pool_holds() -> None:
    """A reserved pool of 65 blocks, one held back, holds 1,024 tokens: `auto` takes them, within a batch of its own."""
    pool = 65 * (2 << 20)
    result = fit(llama(), ADA, EngineArgs(max_model_len=-1, kv_cache_memory_bytes=pool), NEWEST)
    assert (result.verdict, result.engine.max_model_len, result.max_model_len_that_fits) == (
        "fits",
        1024,
        1024,
    )
    none = fit(llama(), ADA, EngineArgs(max_model_len=-1, kv_cache_memory_bytes=2 << 20), NEWEST)
    assert (none.verdict, none.engine.max_model_len, none.max_model_len_that_fits) == ("refused", 0, 0)


def test_a_gpu_group_is_of_a_name_and_its_memory() -> None:
    """The answer keeps what it was asked about."""
    gpu = GpuGroup("RTX 4090", ADA.memory_bytes, compute_capability=(8, 9))
    result = fit(llama(), gpu, SHORT, NEWEST)
    assert (result.gpu, result.engine_args, result.is_refused) == (gpu, SHORT, False)
