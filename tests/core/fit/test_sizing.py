"""The longest context that fits, where memory depends on the length itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from example_models import ADA, GIB, llama

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.sizing import Deployment, deployment, with_most_seqs
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import NEWEST, release_of
from vllm_costmeter.sources.models.local import local_model

DATA = Path(__file__).resolve().parents[2] / "data" / "models"
DEEPSEEK = DATA / "deepseek-ai__DeepSeek-V2-Lite-Chat"
H200 = GpuGroup("H200 SXM", round(139.8 * GIB), compute_capability=(9, 0))


@pytest.mark.parametrize("gib", [33.7, 33.8, 33.9, 34.0, 34.3])
def test_the_longest_of_latent_attention_fits_and_little_more_does_not(gib: float) -> None:
    """Its prefill context grows with --max-model-len up to 8,192 tokens: shorter ones are sized each by itself."""
    gpu = GpuGroup("a GPU", round(gib * GIB), compute_capability=(9, 0))
    args = EngineArgs(max_num_batched_tokens=512, max_num_seqs=8)
    start = deployment(local_model(DEEPSEEK), gpu, args, release_of("0.32.0"))
    longest = start.longest_that_fits()
    for length, fits in ((longest, True), (longest + 32, False)):
        placed = start.at(length).on_first_start
        assert placed.cache.fits(length, placed.memory.pools("low")) is fits


@pytest.mark.parametrize("gib", [18.5, 18.6, 18.7, 18.8, 19.2])
def test_the_longest_of_a_default_batch_that_shrinks_with_it_is_exact(gib: float) -> None:
    """With one sequence the default batch is no longer than the context, so that each length has its own peak: one
    token more is not certain to fit."""
    gpu = replace(ADA, memory_bytes=round(gib * GIB))
    args = EngineArgs(max_num_seqs=1)
    longest = fit(llama(), gpu, args, NEWEST).max_model_len_that_fits
    assert longest is not None
    verdicts = [
        fit(llama(), gpu, replace(args, max_model_len=length), NEWEST).verdict
        for length in (longest, longest + 1)
    ]
    assert 0 < longest < 8192
    assert verdicts == ["fits", "tight"]


def test_a_batch_that_is_two_tokens_shorter_may_hold_one_token_more() -> None:
    """62 requests of 33 tokens are a batch of 2,046 instead of 2,048: its smaller peak makes room for a third block,
    which the whole batch lacks by 100 KiB."""
    args = EngineArgs(max_num_seqs=62, enforce_eager=True)

    def start_on(memory_bytes: int) -> tuple[Deployment, int]:
        start = deployment(llama(), replace(ADA, memory_bytes=memory_bytes), args, NEWEST)
        return start, start.at(131_072).on_first_start.memory.ranks[0].available("low")

    four_blocks = 4 * (2 << 20)  # one of which vLLM holds back
    lacking = four_blocks - 100 * 1024 - start_on(ADA.memory_bytes)[1]
    start, pool = start_on(ADA.memory_bytes + round(lacking / 0.92))
    assert pool == pytest.approx(four_blocks - 100 * 1024, abs=2)
    assert start.longest_that_fits() == 33


@pytest.mark.parametrize(("seqs", "maximum"), [(1, 512), (None, 4)])
def test_no_length_beyond_the_models_own_fits(seqs: int | None, maximum: int) -> None:
    """Also where the default batch would still grow with a longer one."""
    model = llama(max_model_len=maximum, default_max_model_len=maximum)
    assert deployment(model, ADA, EngineArgs(max_num_seqs=seqs), NEWEST).longest_that_fits() == maximum


def test_weights_that_exceed_the_budget_leave_no_length() -> None:
    """Whatever the cache of a reserved pool would hold."""
    args = EngineArgs(kv_cache_memory_bytes=8 * GIB)
    assert deployment(llama(60.0), ADA, args, NEWEST).longest_that_fits() == 0


@pytest.mark.parametrize(
    ("batched", "gpu", "most"),
    [(64, ADA, 64), (None, ADA, 2048), (None, H200, 8192)],
)
def test_no_more_requests_than_the_batch_has_tokens(batched: int | None, gpu: GpuGroup, most: int) -> None:
    """vLLM refuses more; without a flag the batch is the GPU's default."""
    small = llama(1.0, layers=1)
    model = replace(small, sizes=replace(small.sizes, vocab_size=1000))
    args = EngineArgs(max_num_batched_tokens=batched, enforce_eager=True)
    assert deployment(model, gpu, args, NEWEST).most_seqs_that_fit(4096) == most


@pytest.mark.parametrize("gpu", [ADA, replace(ADA, memory_bytes=15 * GIB)])
def test_no_request_fits_where_the_length_does_not(gpu: GpuGroup) -> None:
    """Not even one."""
    assert deployment(llama(), gpu, EngineArgs(), NEWEST).most_seqs_that_fit(131_072) == 0


def test_the_most_requests_are_those_of_the_asked_length() -> None:
    """At the length that is asked for, the most fit and one more does not; they are unknown where the bytes are."""
    asked = EngineArgs(max_model_len=30_000, max_num_batched_tokens=2048)
    result = with_most_seqs(fit(llama(), ADA, asked, NEWEST))
    most = result.max_num_seqs_that_fits
    assert most is not None
    verdicts = [
        fit(llama(), ADA, replace(asked, max_num_seqs=seqs), NEWEST).verdict for seqs in (most, most + 1)
    ]
    assert verdicts == ["fits", "tight"]
    for other in (
        fit(llama(), ADA, replace(asked, max_model_len=200_000), NEWEST),
        fit(llama(not_understood="no rules"), ADA, asked, NEWEST),
    ):
        assert with_most_seqs(other) is other


def test_auto_that_is_sure_of_no_length_is_asked_for_one_token() -> None:
    """What serves one token is still a number of requests."""
    gpu = replace(ADA, memory_bytes=round(18.6 * GIB))
    auto = fit(llama(), gpu, EngineArgs(max_model_len=-1), NEWEST)
    assert (auto.verdict, auto.engine.max_model_len) == ("tight", 0)
    most = with_most_seqs(auto).max_num_seqs_that_fits
    start = deployment(llama(), gpu, EngineArgs(), NEWEST)
    assert most == start.most_seqs_that_fit(1)
    assert most is not None
    assert most > 0


def test_latent_attention_is_sized_by_length_up_to_its_full_prefill_context() -> None:
    """From 8,192 tokens on one peak holds for every length; below, each has its own."""
    gpu = GpuGroup("a GPU", 79 * GIB, compute_capability=(9, 0))
    args = EngineArgs(max_num_batched_tokens=512, max_num_seqs=8)
    start = deployment(local_model(DEEPSEEK), gpu, args, release_of("0.32.0"))
    whole, short, one = (start.at(length).memory for length in (8192, 8191, 1))
    assert start.at(20_000).memory is whole
    peaks = [each.ranks[0].activations.bytes for each in (whole, short, one)]
    assert peaks[0] > peaks[1] > peaks[2]
    plain = deployment(llama(), gpu, args, NEWEST)
    assert plain.at(8192).memory is plain.at(1).memory


@pytest.mark.parametrize(
    ("changes", "blocks"),
    [({}, 300), ({"is_pooling": True}, None)],
)
def test_graphs_need_blocks_where_a_model_generates_from_states(
    changes: dict[str, bool], blocks: int | None
) -> None:
    """Pooling models capture piecewise graphs alone; a cache without states needs none."""
    hybrid = local_model(DATA / "nvidia__NVIDIA-Nemotron-3-Nano-30B-A3B-BF16")
    gpu = GpuGroup("H100 SXM", 79 * GIB, compute_capability=(9, 0))
    start = deployment(replace(hybrid, **changes), gpu, EngineArgs(max_num_seqs=300), NEWEST)
    needed = start.at(8192).graph_blocks
    assert (None if needed is None else needed.blocks) == blocks
    assert deployment(llama(), gpu, EngineArgs(), NEWEST).at(8192).graph_blocks is None
