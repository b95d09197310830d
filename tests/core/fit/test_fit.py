"""The verdict, its reasons, and the sums behind it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import ADA, GIB, bad_input, llama, not_understood
from hypothesis import given, settings
from hypothesis import strategies as st

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.gpu.group import GpuGroup, GpuProcess
from vllm_costmeter.core.release import NEWEST, release_of

BLOCK_TOKENS = 16


def test_an_8b_fits_a_4090_at_8192_tokens() -> None:
    """15 GiB of weights and 1 GiB of KV cache on a GPU of 23.64 GiB."""
    result = fit(llama(), ADA, EngineArgs(max_model_len=8192), NEWEST)
    assert (result.verdict, result.reason) == ("fits", None)
    assert result.per_gpu is not None
    assert result.per_gpu.kv_cache_needed_bytes == GIB
    assert result.exit_code() == 0


def test_the_parts_add_up_to_the_budget() -> None:
    """budget = weights + activations + graphs + non-torch + what is left for the KV cache, to the byte."""
    use = fit(llama(), ADA, EngineArgs(max_model_len=8192), NEWEST).per_gpu
    assert use is not None
    assert use.budget_bytes == (
        use.weights_bytes
        + use.activations_bytes
        + use.cuda_graphs_bytes
        + use.non_torch_bytes
        + use.kv_cache_available_bytes
    )


@pytest.mark.parametrize(
    ("gib", "engine_args", "reason"),
    [
        (131.4, EngineArgs(), "weights"),
        (14.96, EngineArgs(), "kv_cache"),
        (14.96, EngineArgs(max_model_len=131073), "max_model_len"),
        (14.96, EngineArgs(max_model_len=4096, gpu_memory_utilization=1.0), "free_memory"),
        (14.96, EngineArgs(layout=ParallelConfig(tensor_parallel_size=2)), "gpu_count"),
        (14.96, EngineArgs(max_model_len=4096, kv_cache_memory_bytes=9 * GIB), "kv_cache_memory_bytes"),
    ],
)
def test_a_refusal_says_which_reason(gib: float, engine_args: EngineArgs, reason: str) -> None:
    """Each way vLLM refuses to start has its own name, a message, and exit code 1."""
    result = fit(llama(gib), ADA, engine_args, NEWEST)
    assert (result.verdict, result.reason) == ("refused", reason)
    assert result.message
    assert result.exit_code() == 1


def test_heads_that_do_not_divide_are_refused() -> None:
    """32 heads over 3 GPUs."""
    result = fit(
        llama(), replace(ADA, count=3), EngineArgs(layout=ParallelConfig(tensor_parallel_size=3)), NEWEST
    )
    assert (result.verdict, result.reason) == ("refused", "tensor_parallel")


def test_less_free_memory_than_the_budget_is_refused() -> None:
    """vLLM compares before it loads anything."""
    busy = replace(ADA, free_bytes=round(20 * GIB))
    result = fit(llama(), busy, EngineArgs(max_model_len=1024), NEWEST)
    assert (result.verdict, result.reason) == ("refused", "free_memory")
    assert "has 19.49 GiB free" in result.message  # 20 less the context that vLLM opens first


def test_who_holds_the_missing_memory_is_named() -> None:
    """Program, process id and GiB of the first five, the largest first; what nobody told is not made up."""
    held = [GpuProcess(pid, f"python{pid}", pid * GIB, "1") for pid in range(6, 1, -1)]
    two = (GpuProcess(4242, "VLLM::EngineCore", 12 * GIB, "1"), GpuProcess(77, None, None, "1"))
    message = fit(
        llama(), replace(ADA, free_bytes=GIB, processes=two), EngineArgs(max_model_len=1024), NEWEST
    ).message
    assert message.endswith(
        "; GPU 1 is used by VLLM::EngineCore (pid 4242) 12.00 GiB, pid 77 (amount unknown)"
    )
    many = replace(ADA, free_bytes=GIB, processes=(*held, GpuProcess(1), GpuProcess(9)))
    assert fit(llama(), many, EngineArgs(max_model_len=1024), NEWEST).message.endswith(
        "python2 (pid 2) 2.00 GiB and 2 more"
    )


def test_between_the_ends_of_the_range_it_is_tight() -> None:
    """Exit code 0 with a warning, 1 when asked to be strict."""
    fits = fit(llama(), ADA, EngineArgs(enforce_eager=True), NEWEST)
    longest = fits.max_model_len_that_fits
    assert longest is not None
    result = fit(llama(), ADA, EngineArgs(enforce_eager=True, max_model_len=longest + BLOCK_TOKENS), NEWEST)
    assert (result.verdict, result.reason) == ("tight", "kv_cache")
    assert (result.exit_code(), result.exit_code(strict=True)) == (0, 1)


def test_a_gpu_of_estimated_memory_is_judged_at_both_ends_of_it() -> None:
    """What fits only if the estimate is not too high is tight; the answer says that the memory is an estimate."""
    exact = fit(llama(), ADA, EngineArgs(enforce_eager=True), NEWEST)
    longest = exact.max_model_len_that_fits
    assert longest is not None
    about = replace(ADA, memory_bytes_range=(ADA.memory_bytes - GIB, ADA.memory_bytes + GIB))
    result = fit(llama(), about, EngineArgs(enforce_eager=True, max_model_len=longest), NEWEST)
    assert fit(llama(), ADA, EngineArgs(enforce_eager=True, max_model_len=longest), NEWEST).verdict == "fits"
    assert (result.verdict, result.reason) == ("tight", "kv_cache")
    assert (result.max_model_len_that_fits or 0) < longest
    assert any("estimated: 22.64 to 24.64 GiB" in note for note in result.notes)
    assert not any("estimated" in note for note in exact.notes)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(10, 20),
    st.sampled_from(["0.17.0", "0.22.0", "0.25.0", "0.33.0"]),
    st.sampled_from(["auto", "fp8"]),
    st.integers(1, 64),
)
def test_the_longest_length_is_exact(gib: float, version: str, dtype: str, seqs: int) -> None:
    """It fits, and one block more does not, whatever the deployment."""
    engine_args = EngineArgs(kv_cache_dtype=dtype, max_num_seqs=seqs)
    model, release = llama(gib), release_of(version)
    longest = fit(model, ADA, engine_args, release).max_model_len_that_fits
    assert longest is not None
    if longest:
        assert fit(model, ADA, replace(engine_args, max_model_len=longest), release).verdict == "fits"
    if longest < model.max_model_len:
        assert (
            fit(model, ADA, replace(engine_args, max_model_len=longest + BLOCK_TOKENS), release).verdict
            != "fits"
        )


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 131072), st.integers(1, 131072))
def test_a_shorter_context_never_fits_worse(one: int, other: int) -> None:
    """The verdict is monotone in the length."""
    order = ["fits", "tight", "refused"]
    short, long = sorted((one, other))
    verdicts = [
        fit(llama(17), ADA, EngineArgs(max_model_len=length), NEWEST).verdict for length in (short, long)
    ]
    assert order.index(verdicts[0]) <= order.index(verdicts[1])


def test_auto_length_is_the_longest_that_fits() -> None:
    """`--max-model-len auto` resolves as vLLM does at boot, at the safe end."""
    result = fit(llama(), ADA, EngineArgs(max_model_len=-1), NEWEST)
    assert result.verdict == "fits"
    assert result.engine.max_model_len == result.max_model_len_that_fits


def test_a_quantization_that_is_not_understood_is_unknown() -> None:
    """Never a guess: exit code 3, no bytes."""
    result = fit(llama(fault=not_understood()), ADA, EngineArgs(), NEWEST)
    assert (result.verdict, result.per_gpu, result.exit_code()) == ("unknown", None, 3)
    assert "nfx" in result.message


def test_a_draft_model_is_unknown_and_an_ngram_is_not() -> None:
    """Speculation by a second model needs memory that is not in this answer."""
    assert fit(llama(), ADA, EngineArgs(speculative_config={"model": "x"}), NEWEST).verdict == "unknown"
    ngram = EngineArgs(
        max_model_len=4096, speculative_config={"method": "ngram", "num_speculative_tokens": 3}
    )
    assert fit(llama(), ADA, ngram, NEWEST).verdict == "fits"


def test_a_layout_that_vllm_refuses_is_refused_and_a_bad_flag_raises() -> None:
    """On one GPU the same fault can only be the flags' own."""
    two = replace(ADA, count=2)
    split = fit(
        llama(fault=bad_input()), two, EngineArgs(layout=ParallelConfig(pipeline_parallel_size=2)), NEWEST
    )
    assert (split.verdict, split.reason) == ("refused", "parallel_layout")
    with pytest.raises(BadInputError):
        fit(llama(fault=bad_input()), ADA, EngineArgs(), NEWEST)


def test_a_reserved_pool_is_the_pool() -> None:
    """--kv-cache-memory-bytes replaces the budget's arithmetic on both ends of the range."""
    result = fit(llama(), ADA, EngineArgs(max_model_len=8192, kv_cache_memory_bytes=2 * GIB), NEWEST)
    assert result.verdict == "fits"
    assert result.kv_cache_available_range_bytes == (2 * GIB, 2 * GIB)
    assert result.kv_cache is not None
    assert result.kv_cache.max_concurrency == 2.0


def test_offloaded_weights_leave_the_gpu() -> None:
    """--cpu-offload-gb counts GiB."""
    plain = fit(llama(), ADA, EngineArgs(max_model_len=1024), NEWEST).per_gpu
    less = fit(llama(), ADA, EngineArgs(max_model_len=1024, cpu_offload_gb=4), NEWEST).per_gpu
    assert plain is not None
    assert less is not None
    assert plain.weights_bytes - less.weights_bytes == 4 * GIB


def test_two_gpus_share_weights_and_heads() -> None:
    """At TP 2 each GPU holds half of both."""
    result = fit(
        llama(),
        replace(ADA, count=2),
        EngineArgs(max_model_len=8192, layout=ParallelConfig(tensor_parallel_size=2)),
        NEWEST,
    )
    assert result.per_gpu is not None
    assert result.per_gpu.weights_bytes == round(14.96 * GIB) // 2
    assert result.per_gpu.kv_cache_needed_bytes == GIB // 2


def test_a_gpu_too_small_for_anything_has_no_length_that_fits() -> None:
    """Zero, because none fits; not unknown."""
    assert fit(llama(131.4), ADA, EngineArgs(), NEWEST).max_model_len_that_fits == 0


def test_pipeline_ranks_are_judged_by_the_tightest() -> None:
    """The last rank also runs the sampler, so its pool is the smaller."""
    gpu = GpuGroup("H100 SXM", round(79.19 * GIB), count=2)
    engine_args = EngineArgs(max_model_len=8192, layout=ParallelConfig(pipeline_parallel_size=2))
    result = fit(llama(), gpu, engine_args, release_of("0.19.0"))
    assert result.per_gpu is not None
    assert result.per_gpu.activations_bytes > 1.8 * GIB
