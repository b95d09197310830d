"""Throughput before there is a server."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vllm_costmeter.core.economics.estimated_layout import EstimatedLayout, estimated_layout
from vllm_costmeter.core.economics.throughput import Load
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.precision import Q4, requantized
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.core.serving.links import link_named
from vllm_costmeter.core.serving.placement import placed
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.models.packaged import named_model

SMALL = named_model("Llama 3.1 8B").model
LARGE = requantized(named_model("Llama 3.3 70B").model, Q4)


def at(
    load: Load,
    tensor: int = 1,
    data: int = 1,
    *,
    gpu: str = "H100 SXM",
    link: str | None = None,
    large: bool = False,
) -> EstimatedLayout:
    """One layout of Llama 3.1 8B or of Llama 3.3 70B in 4 bits."""
    spec, model = find_gpu(gpu), LARGE if large else SMALL
    args = EngineArgs(
        layout=ParallelConfig(tensor, 1, data), max_model_len=load.prompt_tokens + load.output_tokens
    )
    found = placed(model, spec, args, NEWEST, link=link_named(link) if link else None)
    return estimated_layout(found, model, spec, load)


def rate(*args: object, **more: object) -> float:
    """Generated tokens per second."""
    return at(*args, **more).estimate.generated_tokens_per_second  # type: ignore[arg-type]


def test_gpus_exchange_longer_the_more_they_are() -> None:
    """Eight GPUs do not halve the step of four."""
    load = Load(1, 512, 256)
    two, four, eight = (at(load, gpus).estimate.parts.exchange for gpus in (2, 4, 8))
    assert eight > four > two > at(load).estimate.parts.exchange == 0
    assert rate(load, 8) < 2 * rate(load, 4)


def test_a_slow_link_makes_tensor_parallelism_slower() -> None:
    """The same GPUs over NVLink, PCIe peer to peer, and through host memory."""
    load = Load(128, 512, 256)
    rates = [rate(load, 8, gpu="RTX 4090", link=name) for name in ("nvlink4", "pcie4-switch", "pcie4-host")]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > 3 * rates[2]


def test_eight_consumer_gpus_do_not_outrun_an_h100_together() -> None:
    """70B in 4 bits: over PCIe the exchange of eight GPUs takes longer than one GPU's whole step."""
    load = Load(128, 512, 256)
    assert rate(load, 8, gpu="RTX 4090", large=True) < 0.3 * rate(load, large=True)


def test_copies_of_a_model_that_fits_on_one_gpu_beat_tensor_parallelism_over_pcie() -> None:
    """Copies exchange nothing, and each has an eighth of the requests."""
    load = Load(512, 512, 256)
    assert rate(load, 1, 8, gpu="RTX 4090") > 3 * rate(load, 8, gpu="RTX 4090")


def test_copies_without_a_request_add_nothing() -> None:
    """One request is answered by one copy."""
    assert rate(Load(1, 512, 256), 1, 8) == pytest.approx(rate(Load(1, 512, 256)))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 1024), st.integers(1, 100_000), st.integers(1, 10_000), st.sampled_from([1, 2, 8]))
def test_no_estimate_is_above_the_floor(concurrency: int, prompt: int, output: int, gpus: int) -> None:
    """The limiting resource at 100 % is at least as fast as any estimate, and the range holds the estimate."""
    found = at(Load(concurrency, prompt, output), gpus).estimate
    low, high = found.generated_range
    assert low < found.generated_tokens_per_second <= high <= found.floor_tokens_per_second


def test_more_requests_make_more_tokens_until_memory_ends() -> None:
    """Batching pays; what the KV cache does not hold waits."""
    rates = [rate(Load(users, 512, 256)) for users in (1, 8, 64, 256)]
    assert rates == sorted(rates)
    long = at(Load(256, 30_000, 256)).estimate
    assert long.concurrency < 256


@pytest.mark.parametrize("wrong", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (-5, 1, 1)])
def test_a_load_of_nothing_is_refused(wrong: tuple[int, int, int]) -> None:
    """One line that names the flag."""
    with pytest.raises(BadInputError, match="must be at least 1"):
        Load(*wrong)
